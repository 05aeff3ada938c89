service {
  id      = "web-1"
  name    = "web"
  address = "10.3.3.1"
  port    = 8080

  checks {
    http     = "http://localhost:8080/live"
    interval = "5s"
  }
  checks {
    tcp      = "localhost:8080"
    interval = "1s"
  }
}
