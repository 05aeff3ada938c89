[ { "name": "web" } ]
