import { ByteBuffer } from './byte-buffer.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20

/** Maximum length of a string in an outline, in bytes. Names and statuses are shorter. */
const MAX_STRING = 128
/** Maximum size of an outline, in bytes. */
const MAX_OUTLINE = 64 * 1024

/** Members whose long strings are not text written by a model, such as signatures and base64. */
const NON_TEXT_MEMBERS: ReadonlySet<string> = new Set([
  ...['data', 'b64_json', 'url', 'signature', 'encrypted_content', 'embedding', 'bytes'],
])

/** Returns the outline of a string that may not be valid JSON; undefined if it has no outline. */
export function outlineOf(text: string): string | undefined {
  const outline = new JsonOutline()
  outline.push(Buffer.from(text))
  return outline.json
}

/**
 * Reads a JSON value that is too long to buffer, piece by piece, and builds its outline: objects
 * with their short members, but without list items or long strings. The outline contains the token
 * counts of a response, regardless of the amount of text. Buffers a few kilobytes.
 */
export class JsonOutline {
  readonly #outline = new ByteBuffer()
  /** The first bytes of the current string, or of the last one. */
  readonly #string = Buffer.alloc(MAX_STRING)
  #stringLength = 0
  #inString = false
  #afterBackslash = false
  /** True if a string has ended, and the next byte shows whether it is a name. */
  #hasString = false
  #name = ''
  #depth = 0
  /** The depth of the outermost open list; 0 outside lists. */
  #listDepth = 0
  #isComplete = false
  #textBytes = 0

  /** Reads the next bytes, and skips bytes before and after the value. */
  push(bytes: Buffer): void {
    for (const byte of bytes) {
      if (this.#isComplete) return
      if (this.#inString) this.#readString(byte)
      else if (byte > SPACE) this.#readStructure(byte)
    }
  }

  /** Reports whether the value has ended. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** The number of bytes so far in long strings that a model may have written. */
  get textBytes(): number {
    const open = this.#stringLength > MAX_STRING && !NON_TEXT_MEMBERS.has(this.#name)
    return this.#textBytes + (open ? this.#stringLength : 0)
  }

  /** The outline as JSON; undefined before the value has ended, or if the outline is too long. */
  get json(): string | undefined {
    const isAvailable = this.#isComplete && this.#outline.length < MAX_OUTLINE
    return isAvailable ? this.#outline.peek().toString('utf8') : undefined
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
    if (this.#listDepth === 0) this.#append(Buffer.of(byte))
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#depth += 1
      if (byte === OPEN_BRACKET && this.#listDepth === 0) this.#listDepth = this.#depth
    }
    this.#isComplete = this.#depth === 0
  }

  #endString(isName: boolean): void {
    const isLong = this.#stringLength > MAX_STRING
    if (isName) this.#name = this.#string.toString('latin1', 0, isLong ? 0 : this.#stringLength)
    else if (isLong && !NON_TEXT_MEMBERS.has(this.#name)) this.#textBytes += this.#stringLength
    if (this.#listDepth === 0) {
      this.#append(Buffer.of(QUOTE))
      this.#append(this.#string.subarray(0, isLong ? 0 : this.#stringLength))
      this.#append(Buffer.of(QUOTE))
    }
    this.#stringLength = 0
    this.#hasString = false
  }

  #append(bytes: Buffer): void {
    if (this.#outline.length < MAX_OUTLINE) this.#outline.append(bytes)
  }
}
