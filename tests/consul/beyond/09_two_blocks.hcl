service {
  id      = "red0"
  name    = "red"
  address = "10.2.1.1"
  port    = 6000
}
service {
  id      = "red1"
  name    = "red"
  address = "10.2.1.2"
  port    = 7000
}
