const MAYBE_CAPITAL = /[A-Z\u{80}-\u{10ffff}]/gu

/**
 * Converts a string to lower case and keeps its length, so that an index into one is an index into
 * the other. Letters are converted one by one, and a letter with a longer lower case, such as İ, is
 * kept.
 */
export function lowerCase(text: string): string {
  return text.replace(MAYBE_CAPITAL, (letter) => {
    const lower = letter.toLowerCase()
    return lower.length === letter.length ? lower : letter
  })
}
