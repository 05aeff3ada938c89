# a comment, as HCL has it
// and another
/* and { one */
{ // and one within
  "services": [
    { "name": "commented", "address": "10.5.0.1" },
  ],
}
