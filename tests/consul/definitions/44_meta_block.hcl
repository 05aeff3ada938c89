service {
  id      = "blocks-1"
  name    = "blocks"
  address = "10.9.9.1"
  port    = 80
  meta {
    zone = "az-a"
  }
  weights {
    passing = 4
    warning = 2
  }
}
