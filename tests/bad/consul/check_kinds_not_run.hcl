service {
  name    = "many"
  address = "10.0.0.1"
  port    = 80
  checks = [
    { udp = "localhost:53", interval = "10s" },
    { h2ping = "localhost:80", interval = "10s" },
    { os_service = "nginx", interval = "10s" },
    { tcp = "localhost:80", interval = "10s" },
  ]
}
service {
  name    = "good"
  address = "10.0.0.2"
}
