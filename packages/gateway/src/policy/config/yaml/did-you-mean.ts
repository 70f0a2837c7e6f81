/** Finds what somebody may have meant by a word that is not known. */

/**
 * The known word that is nearest to `word`, where one is near enough to be meant by it. `timeZone` and `time-zone`
 * are as near to `time_zone` as can be.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const plain = plainForm(word)
  const most = Math.min(2, Math.floor(plain.length / 3))
  let found: string | undefined
  let least = most + 1
  for (const candidate of known) {
    const distance = editDistance(plain, plainForm(candidate), most)
    if (distance < least) {
      least = distance
      found = candidate
    }
  }
  return found
}

/** `; did you mean 'limits'?`, or what else there is to choose from. */
export function suggest(word: string, known: readonly string[]): string {
  const meant = nearest(word, known)
  return meant === undefined ? `; known here: ${known.join(', ')}` : `; did you mean '${meant}'?`
}

function plainForm(word: string): string {
  return word.replaceAll(/[_\s-]/g, '').toLowerCase()
}

/**
 * How many letters have to be put in, left out, changed, or swapped with their neighbour (the optimal string
 * alignment distance). Words that differ in length by more than `most` are not compared.
 */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let least = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      )
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) least = Math.min(least, at(beforeLast, column - 2) + 1)
      current.push(least)
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
