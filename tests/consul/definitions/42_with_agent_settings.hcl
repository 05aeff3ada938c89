data_dir  = "/opt/consul"
log_level = "INFO"
telemetry {
  disable_hostname = true
}
service {
  id      = "beside-1"
  name    = "beside"
  address = "10.9.7.1"
  port    = 80
}
