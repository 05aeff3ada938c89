# Horizontal bars, a group a form: the median of the rounds' ratios to the reflector that sends its datagrams one by one.
BEGIN {
  FS = "\t"
  title["plain"] = "plain"; title["edns"] = "EDNS"; title["cookie"] = "cookies"
  title["client-cookie"] = "first cookies"; title["rrl"] = "rate limiting on"
  label["gdnsd"] = "gdnsd"; label["knot"] = "Knot DNS"; label["nsd"] = "NSD"; label["pdns"] = "PowerDNS"
  label["bind"] = "BIND"; label["coredns"] = "CoreDNS"; label["consul"] = "Consul"; label["livezone"] = "livezone"
  label["alone"] = "livezone, one by one"
  LEFT = 150; WIDE = 480; BAR = 15; STEP = 20; GROUP = 34; TOP = 82
}
$2 == "slice" && $5 > 0 && $6 > 0 {
  if (!known[$1]++) forms[++forms_count] = $1
  if (!member[$1, $4]++) servers[$1, ++size[$1]] = $4
  rate[$1, $3, $4] = $5 / $6
  if ($3 > rounds) rounds = $3
}
# The bare reflectors are what is measured by.
function is_drawn(form, server) {
  return server != "reflector" && server != "trains" && count[form FS server]
}
function text(x, y, anchor, weight, words) {
  printf "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" font-weight=\"%s\">%s</text>\n", x, y, anchor, weight, words
}
function bar(y, server, ratio,   name, ours, within) {
  name = server in label ? label[server] : server; ours = server == "livezone" || server == "alone"
  text(LEFT - 8, y + BAR - 3, "end", ours ? "bold" : "normal", name)
  printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"/>\n", LEFT, y, one * ratio, BAR,
    ours ? "#0a7d5a" : "#5b6675"
  # Where there is room the figure stands in the bar.
  within = (one * ratio > 50)
  printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\" fill=\"%s\">%.2f</text>\n",
    LEFT + one * ratio + (within ? -6 : 6), y + BAR - 3, within ? "end" : "start", within ? "#ffffff" : "#1f2937", ratio
}
# The best first.
function order(form,   i, j, best, swap) {
  for (i = 1; i < size[form]; i++) for (j = i + 1; j <= size[form]; j++)
    if (part(form FS servers[form, j], 50) > part(form FS servers[form, i], 50)) {
      swap = servers[form, i]; servers[form, i] = servers[form, j]; servers[form, j] = swap
    }
}
END {
  height = TOP + 16
  for (f = 1; f <= forms_count; f++) {
    form = forms[f]; height += GROUP
    for (s = 1; s <= size[form]; s++) {
      server = servers[form, s]
      for (round = 1; round <= rounds; round++)
        if (rate[form, round, server] && rate[form, round, "reflector"])
          keep(form FS server, rate[form, round, server] / rate[form, round, "reflector"])
      if (is_drawn(form, server)) {
        height += STEP
        if (part(form FS server, 50) > largest) largest = part(form FS server, 50)
      }
    }
    order(form)
  }
  # Of the width, what 1 has.
  one = WIDE / (largest > 1 ? largest : 1)
  width = LEFT + WIDE + 50
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#1f2937\">\n", width, height
  print "<title>Queries per CPU-second, relative to a UDP echo server's</title>"
  printf "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#f6f8fa\" stroke=\"#c5ccd6\"/>\n", width - 1, height - 1
  printf "<text x=\"16\" y=\"28\" font-size=\"15\" font-weight=\"bold\">Queries per CPU-second, UDP, one worker</text>\n"
  text(16, 48, "start", "normal", "1 is a UDP echo server, whose datagrams are as long as the responses would be")
  text(16, 66, "start", "normal", "40 % A, 35 % AAAA, 15 % SRV, 8 % A with a tag, 2 % NXDOMAIN; many queries in flight from each port")
  y = TOP
  for (f = 1; f <= forms_count; f++) {
    form = forms[f]; first = y + 8
    text(LEFT, y + 22, "start", "bold", form in title ? title[form] : form)
    y += GROUP
    for (s = 1; s <= size[form]; s++) if (is_drawn(form, servers[form, s])) {
      bar(y, servers[form, s], part(form FS servers[form, s], 50)); y += STEP
    }
    printf "<path d=\"M%d %dV%d\" stroke=\"#1f2937\" stroke-dasharray=\"3 3\" fill=\"none\"/>\n", LEFT + one, first + 20, y - 4
  }
  print "</svg>"
}
