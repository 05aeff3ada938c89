service {
  id      = "heredoc-1"
  name    = "heredoc"
  address = "10.9.6.1"
  port    = 80
  check {
    http     = "http://localhost/"
    method   = "PUT"
    interval = "10s"
    body     = <<EOF
{"deep": true}
EOF
  }
}
