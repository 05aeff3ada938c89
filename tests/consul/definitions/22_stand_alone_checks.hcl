service {
  id      = "apart-2"
  name    = "apart"
  address = "10.5.0.2"
  port    = 80
}
checks = [
  {
    id         = "apart-2-tcp"
    name       = "connects"
    service_id = "apart-2"
    tcp        = "localhost:80"
    interval   = "10s"
  },
  {
    id         = "apart-2-http"
    name       = "answers"
    service_id = "apart-2"
    http       = "http://localhost/"
    interval   = "10s"
  }
]
