service {
  id      = "shop-1"
  name    = "shop"
  address = "10.8.0.1"
  port    = 8080
  tags = [
    "traefik.enable=true",
    "traefik.http.routers.shop.rule=Host(`shop.example.com`) && PathPrefix(`/`)",
    "traefik.http.services.shop.loadbalancer.server.scheme=http",
    "v2",
  ]
}
