service {
  name = "web"
  name = "api"
}
