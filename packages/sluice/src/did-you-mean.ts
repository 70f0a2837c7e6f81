/**
 * Finds the known word that a misspelled word probably means: the nearest one within one edit per
 * three letters, and within three edits. Case, spaces, hyphens and underscores are ignored, so
 * `timeZone` matches `time_zone`.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const plain = plainForm(word)
  const maxDistance = Math.min(3, Math.floor(plain.length / 3))
  let found: string | undefined
  let minDistance = maxDistance + 1
  for (const candidate of known) {
    const distance = editDistance(plain, plainForm(candidate), maxDistance)
    if (distance < minDistance) {
      minDistance = distance
      found = candidate
    }
  }
  return found
}

/** Returns `; did you mean 'rules'?` if a known word is near, otherwise the empty string. */
export function suggest(word: string, known: Iterable<string>): string {
  const meant = nearest(word, known)
  return meant === undefined ? '' : `; did you mean '${meant}'?`
}

/** Returns `; did you mean 'rules'?` if a known word is near, otherwise the list of known words. */
export function suggestOrList(word: string, known: readonly string[]): string {
  return suggest(word, known) || `; expected one of ${known.join(', ')}`
}

/**
 * Completes an error about an unknown word: `; did you mean 'rules'? Its options are …`, or
 * `; its options are …` if no known word is near.
 *
 * @param choices a clause that lists the known words
 */
export function suggestThenList(word: string, known: readonly string[], choices: string): string {
  const meant = suggest(word, known)
  return meant === '' ? `; ${choices}` : `${meant} ${choices.charAt(0).toUpperCase()}${choices.slice(1)}`
}

function plainForm(word: string): string {
  return word.replaceAll(/[_\s-]/g, '').toLowerCase()
}

/**
 * Counts the insertions, deletions, substitutions and swaps of adjacent letters that turn `a` into
 * `b` (the optimal string alignment distance). Words that differ in length by more than `max` are
 * not compared.
 */
function editDistance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let distance = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      )
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) distance = Math.min(distance, at(beforeLast, column - 2) + 1)
      current.push(distance)
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
