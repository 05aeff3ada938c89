service {
  name    = "my web"
  address = "10.0.0.1"
}
