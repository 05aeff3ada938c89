service {
  "name": "web"
}
