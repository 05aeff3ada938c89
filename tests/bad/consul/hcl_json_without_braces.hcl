"service": {
  "name": "web"
}
