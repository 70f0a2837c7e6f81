const MAYBE_CAPITAL = /[A-Z\u{80}-\u{10ffff}]/gu

/**
 * A text in lower case, of the same length: what is found in it is found at the same place in the text itself.
 *
 * Each letter is taken by itself, so that the parts of a text have the same lower case as the whole. A letter
 * whose lower case is longer, such as İ, is kept.
 */
export function lowerCase(text: string): string {
  return text.replace(MAYBE_CAPITAL, (letter) => {
    const lower = letter.toLowerCase()
    return lower.length === letter.length ? lower : letter
  })
}
