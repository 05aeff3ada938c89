services {
  id      = "grey0"
  name    = "grey"
  address = "10.2.4.1"
  port    = 80
}
services {
  id      = "grey1"
  name    = "grey"
  address = "10.2.4.2"
  port    = 80
}
