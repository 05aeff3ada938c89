
  { "service": { "name": "json-in-hcl", "port": 80, "tags": ["a"],
      "check": { "http": "http://localhost:80/", "interval": "10s" } } }
