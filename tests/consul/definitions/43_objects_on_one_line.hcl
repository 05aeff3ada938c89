service {
  id      = "short-1"
  name    = "short"
  address = "10.9.8.1"
  port    = 80
  meta    = { a = "1", b = "2" }
  weights = { passing = 7, warning = 0 }
  check   = { tcp = "localhost:80", interval = "10s" }
}
