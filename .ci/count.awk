# Counts the tests in the output of several `cargo test`, and names those that failed. `== …` begins
# each run; what `--ignored` runs was ignored in the run before. A run that failed without naming a
# test, because nothing compiles or a process died, counts as one failure: so `-v status=1` is never
# "0 failed".
/^== / { again = / --ignored( |$)/ }
/^test .* \.\.\. FAILED$/ { print "FAILED: " substr($0, 6, length($0) - 16) }
/^test result: / {
  passed += $4; failed += $6; skipped += $8
  if (again) skipped -= $4 + $6
}
# tests/support/needs.rs: the harness takes such a test for passed.
match($0, /skipped: [^ ]+ needs /) {
  split(substr($0, RSTART), words, " ")
  if (!said[words[2]]++) { passed--; skipped++ }
}
END {
  if (status && !failed) failed = 1
  printf "livezone: %d passed, %d failed, %d skipped\n", passed, failed, skipped
}
