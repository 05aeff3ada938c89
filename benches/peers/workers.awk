# The table of `run workers`, from slices as in table.awk: what a second of CPU time gives with two
# workers, against one.
BEGIN { FS = "\t" }
$2 == "slice" && $5 > 0 && $6 > 0 {
  rate[$3, $4] = $5 * 1e9 / $6
  if ($3 > rounds) rounds = $3
  keep($4 FS "rate", $5 * 1e9 / $6); keep($4 FS "cores", $6 / $7); keep($4 FS "wall", $5 * 1e9 / $7)
}
function line(name,   one, two, round, row) {
  one = name 1; two = name 2; row = name FS "ratio"
  for (round = 1; round <= rounds; round++)
    if (rate[round, one] && rate[round, two]) keep(row, rate[round, two] / rate[round, one])
  if (!count[row]) return
  printf "%-10s %12d %12d %6.2f %6.2f   %.3f (%.3f-%.3f)  %9.2f\n", name,
    part(one FS "rate", 50), part(two FS "rate", 50), part(one FS "cores", 50), part(two FS "cores", 50),
    part(row, 50), part(row, 25), part(row, 75), 2 * part(row, 50)
}
END {
  printf "%-10s %12s %12s %6s %6s   %-20s %10s\n", "server", "one q/cpu-s", "two q/cpu-s", "cores1", "cores2", "two/one a cpu-s", "two cores"
  line("livezone"); line("reflector")
}
