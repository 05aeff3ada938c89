service {
  id   = "here-1"
  name = "here"
  port = 8300
  tags = ["a"]
}
