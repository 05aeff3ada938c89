service {
  name = "minimal-hcl"
}
