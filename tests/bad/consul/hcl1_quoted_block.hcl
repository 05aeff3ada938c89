"service" {
  name = "web"
}
