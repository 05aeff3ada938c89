# Medians and quartiles of numbers that were kept one by one.

# Keeps a number in the row named.
function keep(row, number) { kept[row, ++count[row]] = number + 0; sorted[row] = 0 }

# The number below which so many hundredths of a row's are.
function part(row, hundredths,   at) {
  if (!count[row]) return 0
  sort_row(row)
  at = int(count[row] * hundredths / 100 + 0.5)
  if (at < 1) at = 1
  return kept[row, at]
}

function sort_row(row,   i, j, number) {
  if (sorted[row]) return
  for (i = 2; i <= count[row]; i++) {
    number = kept[row, i]
    for (j = i; j > 1 && kept[row, j - 1] > number; j--) kept[row, j] = kept[row, j - 1]
    kept[row, j] = number
  }
  sorted[row] = 1
}
