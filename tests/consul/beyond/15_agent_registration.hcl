id      = "api-2"
name    = "api-shape"
address = "10.5.0.3"
checks = [
  { tcp = "localhost:80", interval = "10s" },
  { alias_service = "api-1" },
]
