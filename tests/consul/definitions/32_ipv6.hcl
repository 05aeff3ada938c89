service {
  id      = "six-1"
  name    = "six"
  address = "2001:db8::1:1"
  port    = 80
}
