service "labelled" {
  address = "10.10.0.4"
  port    = 80
}
