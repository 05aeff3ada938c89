service {
  id      = "mesh-1"
  name    = "mesh"
  address = "10.6.0.1"
  port    = 9090
  connect {
    sidecar_service {}
  }
}
