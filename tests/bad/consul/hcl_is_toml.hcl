[[service]]
name = "web"
