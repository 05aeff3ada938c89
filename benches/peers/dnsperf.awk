# The tables of `run dnsperf` and `run tcp`, from lines ROUND SERVER CASE QPS LATENCY LOST NANOSECONDS
# COMPLETED. The last column is the median of the ratios within a round.
BEGIN { FS = "\t" }
$7 > 0 && $8 > 0 {
  rate[$1, $3, $2] = $8 * 1e9 / $7
  if ($1 > rounds) rounds = $1
  row = $3 FS $2
  keep(row FS "qps", $4); keep(row FS "latency", $5); keep(row FS "rate", $8 * 1e9 / $7)
  lost[row] += $6
}
END {
  printf "%-6s %-10s %10s %8s %10s %10s  %s\n", "case", "server", "qps", "mean us", "lost", "q/cpu-s", "q/cpu-s of " other "'s"
  cases_count = split(cases, case_names, " "); servers_count = split(servers, server_names, " ")
  for (c = 1; c <= cases_count; c++) for (s = 1; s <= servers_count; s++) {
    name = case_names[c]; server = server_names[s]; row = name FS server
    if (!count[row FS "qps"]) continue
    for (round = 1; round <= rounds; round++)
      if (rate[round, name, server] && rate[round, name, other])
        keep(row FS "ratio", rate[round, name, server] / rate[round, name, other])
    printf "%-6s %-10s %10d %8d %10d %10d  %.3f (%.3f-%.3f)\n", name, server, part(row FS "qps", 50),
      part(row FS "latency", 50), lost[row], part(row FS "rate", 50),
      part(row FS "ratio", 50), part(row FS "ratio", 25), part(row FS "ratio", 75)
  }
}
