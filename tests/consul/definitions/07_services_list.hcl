services = [
  {
    id      = "green0"
    name    = "green"
    address = "10.2.3.1"
    port    = 80
  },
  {
    id      = "green1"
    name    = "green"
    address = "10.2.3.2"
    port    = 80
  }
]
