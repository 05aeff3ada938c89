{
  # the main one
  "service": { "name": "web" }
}
