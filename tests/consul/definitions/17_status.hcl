service {
  id      = "optimist-1"
  name    = "optimist"
  address = "10.3.5.1"
  port    = 80
  check {
    tcp      = "localhost:80"
    interval = "1m30s"
    status   = "passing"
  }
}
