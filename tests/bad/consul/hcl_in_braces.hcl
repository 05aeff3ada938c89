{
  service {
    name = "web"
  }
}
