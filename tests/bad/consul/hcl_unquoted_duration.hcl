service {
  name = "web"
  check {
    tcp      = "localhost:80"
    interval = 10s
  }
}
