Web servers of the shop

service {
  name = "web"
}
