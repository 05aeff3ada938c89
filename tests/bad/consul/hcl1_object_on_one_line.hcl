service {
  name    = "web"
  weights = { passing = 10 warning = 1 }
}
