/**
 * Converts text to tokens (numbers) and back. `decode(encode(text))` returns the same text, except
 * that a lone surrogate becomes U+FFFD.
 *
 * A piece is a word, a number or a punctuation mark, including the space before it. Pieces of the
 * corpus are one token each. Any other piece takes one token for each byte of its UTF-8 encoding.
 */
export interface Tokenizer {
  /** Size of the vocabulary: the bytes, the end of a paragraph and the pieces of the corpus. */
  readonly size: number
  encode(text: string): number[]
  decode(tokens: Iterable<number>): string
  /**
   * Returns the word of a token in lower case, without the space; an empty string if the token is
   * not a word.
   */
  wordOf(token: number): string
}

const BYTES = 256

/** The end of a paragraph: an empty line. */
export const END = BYTES

const END_TEXT = '\n\n'
const PIECE = /\n\n| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]|\s/gu
const WORD = /^ ?(\p{L}[\p{L}\p{M}]*)$/u

/**
 * Creates a tokenizer with a token for each piece of the texts, in order of first occurrence.
 */
export function createTokenizer(texts: Iterable<string>): Tokenizer {
  const pieces: string[] = []
  const tokens = new Map([[END_TEXT, END]])
  for (const text of texts) {
    for (const [piece] of text.matchAll(PIECE)) {
      if (tokens.has(piece)) continue
      tokens.set(piece, END + 1 + pieces.length)
      pieces.push(piece)
    }
  }
  const words = pieces.map((piece) => WORD.exec(piece)?.[1]?.toLowerCase() ?? '')
  const toBytes = new TextEncoder()
  const textOf = (token: number) => {
    const text = token === END ? END_TEXT : pieces[token - END - 1]
    if (text === undefined) throw new RangeError(`unknown token ${token}`)
    return text
  }

  return {
    size: END + 1 + pieces.length,
    encode(text) {
      const encoded: number[] = []
      for (const [piece] of text.matchAll(PIECE)) {
        const token = tokens.get(piece)
        if (token !== undefined) encoded.push(token)
        else for (const byte of toBytes.encode(piece)) encoded.push(byte)
      }
      return encoded
    },
    decode(encoded) {
      let text = ''
      let bytes: number[] = []
      const flush = () => {
        if (bytes.length === 0) return
        // The bytes may begin with a byte order mark that is part of the text.
        text += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
        bytes = []
      }
      for (const token of encoded) {
        if (token >= 0 && token < BYTES) {
          bytes.push(token)
        } else {
          flush()
          text += textOf(token)
        }
      }
      flush()
      return text
    },
    wordOf(token) {
      return words[token - END - 1] ?? ''
    },
  }
}
