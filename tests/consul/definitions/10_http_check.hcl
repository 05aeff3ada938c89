service {
  id      = "api-2"
  name    = "api"
  address = "10.3.0.2"
  port    = 5000
  check {
    http     = "http://localhost:5000/health?deep=1"
    interval = "10s"
    timeout  = "1s"
    notes    = "asks the database too"
  }
}
