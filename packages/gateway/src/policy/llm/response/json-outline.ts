import { ByteBuffer } from './byte-buffer.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20

/** The longest string that is kept, in bytes. Names and states are shorter, and text of a model is not needed. */
const MAX_STRING = 128
/** The longest outline, in bytes. */
const MAX_OUTLINE = 64 * 1024

/** Members whose long strings are no text of a model: signatures, and what is base64. */
const NO_TEXT: ReadonlySet<string> = new Set([
  ...['data', 'b64_json', 'url', 'signature', 'encrypted_content', 'embedding', 'bytes'],
])

/** The outline of a text that may be no JSON, where it has one. */
export function outlineOf(text: string): string | undefined {
  const outline = new JsonOutline()
  outline.push(Buffer.from(text))
  return outline.json
}

/**
 * Reads a JSON value that is too long to be held, piece by piece, and keeps its outline: its objects with their short members.
 * Lists are emptied and long strings too. Counts of tokens are in the outline of an answer, however much text or however
 * many log probabilities it has. Holds a few kilobytes, whatever comes.
 */
export class JsonOutline {
  readonly #kept = new ByteBuffer()
  /** The first bytes of the string at hand, or that has ended last. */
  readonly #string = Buffer.alloc(MAX_STRING)
  #stringLength = 0
  #inString = false
  #afterBackslash = false
  /** A string has ended, and what comes next tells whether it is a name. */
  #hasString = false
  #name = ''
  #depth = 0
  /** The depth of the outermost list that has not ended; 0 outside of lists. */
  #listDepth = 0
  #isComplete = false
  #textBytes = 0

  /** Takes the next bytes. What comes before the value is skipped, and what comes after it. */
  push(bytes: Buffer): void {
    for (const byte of bytes) {
      if (this.#isComplete) return
      if (this.#inString) this.#readString(byte)
      else if (byte > SPACE) this.#readStructure(byte)
    }
  }

  /** Whether the value has ended. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** The bytes of the long strings so far that may be text of a model. */
  get textBytes(): number {
    const open = this.#stringLength > MAX_STRING && !NO_TEXT.has(this.#name)
    return this.#textBytes + (open ? this.#stringLength : 0)
  }

  /** The outline as JSON; undefined while the value has not ended, and where its outline is too long. */
  get json(): string | undefined {
    const isKept = this.#isComplete && this.#kept.length < MAX_OUTLINE
    return isKept ? this.#kept.peek().toString('utf8') : undefined
  }

  #readString(byte: number): void {
    if (this.#afterBackslash) this.#afterBackslash = false
    else if (byte === BACKSLASH) this.#afterBackslash = true
    else if (byte === QUOTE) {
      this.#inString = false
      this.#hasString = true
      return
    }
    if (this.#stringLength < MAX_STRING) this.#string[this.#stringLength] = byte
    this.#stringLength += 1
  }

  #readStructure(byte: number): void {
    if (this.#depth === 0 && byte !== OPEN_BRACE && byte !== OPEN_BRACKET) return
    if (this.#hasString) this.#endString(byte === COLON)
    if (byte === QUOTE) {
      this.#inString = true
      return
    }
    if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (this.#depth === this.#listDepth) this.#listDepth = 0
      this.#depth -= 1
    }
    if (this.#listDepth === 0) this.#keep(Buffer.of(byte))
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#depth += 1
      if (byte === OPEN_BRACKET && this.#listDepth === 0) this.#listDepth = this.#depth
    }
    this.#isComplete = this.#depth === 0
  }

  #endString(isName: boolean): void {
    const isLong = this.#stringLength > MAX_STRING
    if (isName) this.#name = this.#string.toString('latin1', 0, isLong ? 0 : this.#stringLength)
    else if (isLong && !NO_TEXT.has(this.#name)) this.#textBytes += this.#stringLength
    if (this.#listDepth === 0) {
      this.#keep(Buffer.of(QUOTE))
      this.#keep(this.#string.subarray(0, isLong ? 0 : this.#stringLength))
      this.#keep(Buffer.of(QUOTE))
    }
    this.#stringLength = 0
    this.#hasString = false
  }

  #keep(bytes: Buffer): void {
    if (this.#kept.length < MAX_OUTLINE) this.#kept.append(bytes)
  }
}
