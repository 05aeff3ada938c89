service {
  name = "web"
  the main one
  port = 80
}
