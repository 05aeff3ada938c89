service "web" {
  name = "api"
}
meta "x" {
}
