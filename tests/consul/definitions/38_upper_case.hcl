service {
  id      = "Upper-1"
  name    = "Upper"
  address = "10.9.3.1"
  port    = 80
  tags    = ["Loud"]
}
