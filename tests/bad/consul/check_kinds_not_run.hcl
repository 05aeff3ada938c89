service {
  name    = "many"
  address = "10.0.0.1"
  port    = 80
  checks = [
    { udp = "localhost:53", interval = "10s" },
    { h2ping = "localhost:80", interval = "10s" },
    { docker_container_id = "f972c95ebf0e", shell = "/bin/sh", args = ["/bin/check"], interval = "10s" },
    { os_service = "nginx", interval = "10s" },
    { grpc = "localhost:80", interval = "10s" },
    { args = ["/bin/check"], interval = "10s" },
    { alias_service = "db" },
    { tcp = "localhost:80", interval = "10s" },
  ]
}
service {
  name    = "good"
  address = "10.0.0.2"
}
