/**
 * Text as numbers and back, without loss: `decode(encode(text))` is the text (a lone surrogate, which is no text,
 * becomes U+FFFD).
 *
 * A piece is a word, a number or a mark, with the space before it. Pieces that the corpus has are one token each;
 * any other is spelled out, one token for each byte of its UTF-8. So a word that the model has never seen costs more.
 */
export interface Tokenizer {
  /** How many tokens there are: the bytes, the end of a paragraph, and the pieces of the corpus. */
  readonly size: number
  encode(text: string): number[]
  decode(tokens: Iterable<number>): string
  /** The word of a token in lower case and without its space; empty where the token is no word. */
  wordOf(token: number): string
}

const BYTES = 256

/** The end of a paragraph: an empty line. */
export const END = BYTES

const END_TEXT = '\n\n'
const PIECE = /\n\n| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]|\s/gu
const WORD = /^ ?(\p{L}[\p{L}\p{M}]*)$/u

/** A tokenizer that has a token for each piece of these texts, numbered in the order in which they occur. */
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
    if (text === undefined) throw new RangeError(`there is no token ${token}`)
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
      let spelled: number[] = []
      const flush = () => {
        if (spelled.length === 0) return
        // The text is a part of a longer one: a byte order mark in it is a character like others.
        text += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(spelled))
        spelled = []
      }
      for (const token of encoded) {
        if (token >= 0 && token < BYTES) {
          spelled.push(token)
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
