# written by a tool

{ "service": { "name": "web",
    "prot": 80 } }
