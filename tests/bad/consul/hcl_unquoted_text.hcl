service {
  name = web
}
