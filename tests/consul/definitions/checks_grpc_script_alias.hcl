services {
  id      = "cart-1"
  name    = "cart"
  address = "10.0.0.9"
  port    = 50051
  checks = [
    { grpc = "localhost:50051/shop.Cart", grpc_use_tls = true, tls_skip_verify = true, interval = "10s" },
    { args = ["/usr/local/bin/check-cart", "-w", "5"], interval = "30s", timeout = "5s" },
    { alias_service = "db-1" },
  ]
}
