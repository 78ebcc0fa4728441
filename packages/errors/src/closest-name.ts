/**
 * The known name that differs from `name` by the fewest edits, if that is at most a third of its length. Case, `_`, `-`
 * and a leading `prefix` do not count: `lora_alpha`, `loraAlpha` and `alpha` are one name to a person who mistypes it.
 */
export function closestName(
  name: string,
  known: readonly string[],
  prefix = '',
): string | undefined {
  const fold = (text: string) => {
    const folded = text.replaceAll(/[_-]/g, '').toLowerCase()
    return folded.startsWith(prefix) ? folded.slice(prefix.length) : folded
  }
  const wanted = fold(name)
  let best: string | undefined
  let bestDistance = Math.floor(wanted.length / 3) + 1
  for (const candidate of known) {
    const distance = editDistance(wanted, fold(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Edits from one text to another: insertions, deletions, substitutions, and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swaps = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = swaps ? (before[j - 2] ?? Infinity) + 1 : Infinity
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swapped))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
