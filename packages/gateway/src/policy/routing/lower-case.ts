const MAYBE_CAPITAL = /[A-Z\u{80}-\u{10ffff}]/gu

/**
 * Converts a string to lower case and keeps its length, so that an index is valid in both strings.
 * Letters are converted one by one, and a letter whose lower case is longer, such as İ, is
 * unchanged.
 */
export function lowerCase(text: string): string {
  return text.replace(MAYBE_CAPITAL, (letter) => {
    const lower = letter.toLowerCase()
    return lower.length === letter.length ? lower : letter
  })
}
