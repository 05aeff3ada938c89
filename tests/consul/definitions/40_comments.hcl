# one
// two
/* three
   lines */
service { # four
  id      = "commented-1" // five
  name    = "commented"   /* six */
  address = "10.9.5.1"
  port    = 80
}
