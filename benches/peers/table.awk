# The table of `run table`, from its slices: FORM slice ROUND SERVER ANSWERS NANOSECONDS WALL SENT
# LOST FOUND ABSENT, FORM total SERVER ANSWERS NANOSECONDS USER SYSTEM, FORM learnt SERVER SOCKETS.
BEGIN { FS = "\t" }
$2 == "slice" && $5 > 0 && $6 > 0 {
  rate[$1, $3, $4] = $5 * 1e9 / $6
  rounds[$1] = $3
  keep($1 FS $4 FS "rate", $5 * 1e9 / $6)
  keep($1 FS $4 FS "busy", $6 / $7)
  answers[$1, $4] += $5; sound[$1, $4] += $10 + $11
}
$2 == "total" && $4 > 0 && $6 + $7 > 0 { user[$1, $3] = $5 / 1000 * $6 / ($6 + $7) / $4 }
$2 == "learnt" && !$4 && $3 !~ /^(reflector|trains)/ { no_cookies = no_cookies " " $3 }

function ratios(form, server, other,   round, row) {
  row = form FS server FS other
  for (round = 1; round <= rounds[form]; round++)
    if (rate[form, round, server] && rate[form, round, other])
      keep(row, rate[form, round, server] / rate[form, round, other])
  if (!count[row]) return "-"
  return sprintf("%.3f (%.3f-%.3f)", part(row, 50), part(row, 25), part(row, 75))
}

END {
  printf "%-13s %-10s %9s %8s %5s %6s  %-20s %s\n",
    "form", "server", "q/cpu-s", "user us", "busy", "sound", "of reflector", "of " beside
  forms_count = split(forms, form_names, " "); servers_count = split(servers, server_names, " ")
  for (f = 1; f <= forms_count; f++) for (s = 1; s <= servers_count; s++) {
    form = form_names[f]; server = server_names[s]; key = form FS server
    if (!count[key FS "rate"]) continue
    printf "%-13s %-10s %9d %8.3f %5.2f %6s  %-20s %s\n", form, server, part(key FS "rate", 50),
      user[form, server], part(key FS "busy", 50),
      server ~ /^(reflector|trains)/ ? "-" : sprintf("%.3f", sound[form, server] / answers[form, server]),
      ratios(form, server, "reflector"), ratios(form, server, beside)
  }
  if (no_cookies) print "given no cookie, and asked with one that is made up:" no_cookies
}
