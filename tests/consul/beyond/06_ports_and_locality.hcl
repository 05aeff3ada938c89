service {
  name      = "newer"
  address   = "10.10.0.5"
  port      = 80
  partition = "default"
  namespace = "default"
  locality {
    region = "eu-west-1"
    zone   = "eu-west-1a"
  }
}
