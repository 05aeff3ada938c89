# Of the files named on standard input, those that .dockerignore lets into the build's context: the
# last pattern that matches a file, or a folder above it, decides.
BEGIN {
  while ((getline pattern <".dockerignore") > 0) {
    if (pattern ~ /^[ \t]*(#|$)/) continue
    takes_back[++count] = sub(/^!/, "", pattern)
    gsub(/^\/|[\/ \t\r]+$/, "", pattern)
    gsub(/[.+(){}|^$]/, "\\\\&", pattern)
    gsub(/\*\*\//, "\001", pattern)
    gsub(/\*\*/, "\002", pattern)
    gsub(/\*/, "[^/]*", pattern)
    gsub(/\?/, "[^/]", pattern)
    gsub(/\001/, "(.*/)?", pattern)
    gsub(/\002/, ".*", pattern)
    patterns[count] = "^" pattern "(/|$)"
  }
}
{
  taken = 1
  for (i = 1; i <= count; i++) if ($0 ~ patterns[i]) taken = takes_back[i]
  if (taken) print
}
