service {
  "name" = "web"
}
