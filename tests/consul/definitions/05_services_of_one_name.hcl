services {
  id      = "red0"
  name    = "red"
  address = "10.2.1.1"
  port    = 6000
  tags    = ["a", "b"]
}
services {
  id      = "red1"
  name    = "red"
  address = "10.2.1.2"
  port    = 7000
  tags    = ["b"]
}
