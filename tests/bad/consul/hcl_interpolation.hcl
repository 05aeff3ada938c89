service {
  name    = "web-${env}"
  address = var.address
  port    = max(80, 81)
}
