service {
  id      = "db-1"
  name    = "db"
  address = "10.3.2.1"
  port    = 5432
  checks = [
    {
      tcp      = "127.0.0.1:5432"
      interval = "5s"
    },
    {
      tcp      = "[::1]:5433"
      interval = "5s"
      timeout  = "500ms"
    },
  ]
}
