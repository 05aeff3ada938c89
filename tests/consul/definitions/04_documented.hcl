service {
  id      = "redis-hcl"
  name    = "redis"
  tags    = ["secondary"]
  address = "10.2.0.2"
  port    = 8000

  meta = {
    version = "4.0"
    owner   = "data"
  }

  weights = {
    passing = 10
    warning = 1
  }
}
