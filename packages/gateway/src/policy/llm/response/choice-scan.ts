const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20

/** Maximum length of a member name that is compared. */
const MAX_NAME = 8

/**
 * Detects, from the first bytes of its data, that an event is not a usage event: the data is not an
 * object, its choices are not empty, or its usage is not an object. Buffers only a few bytes.
 */
export class ChoiceScan {
  #depth = 0
  #inString = false
  #afterBackslash = false
  /** True if the next string at the top level is a member name. */
  #expectsName = false
  #name = ''
  /** The name of the member whose value is next. */
  #valueOf: string | undefined
  #inChoices = false

  /** Reads the next byte. @returns true if it rules out a usage event */
  excludes(byte: number): boolean {
    if (this.#inString) {
      this.#readString(byte)
      return false
    }
    if (byte <= SPACE) return false
    if (this.#depth === 0) {
      this.#depth = 1
      this.#expectsName = true
      return byte !== OPEN_BRACE
    }
    if (this.#inChoices && byte !== CLOSE_BRACKET) return true
    this.#inChoices = false
    return this.#readStructure(byte)
  }

  #readString(byte: number): void {
    if (this.#afterBackslash) this.#afterBackslash = false
    else if (byte === BACKSLASH) this.#afterBackslash = true
    else if (byte === QUOTE) this.#inString = false
    if (this.#inString && this.#expectsName && this.#name.length <= MAX_NAME)
      this.#name += String.fromCharCode(byte)
  }

  #readStructure(byte: number): boolean {
    if (this.#depth === 1 && byte === COLON) {
      this.#expectsName = false
      this.#valueOf = this.#name
      return false
    }
    const member = this.#valueOf
    this.#valueOf = undefined
    if (member === 'usage' && byte !== OPEN_BRACE) return true
    this.#inChoices = member === 'choices' && byte === OPEN_BRACKET
    if (byte === QUOTE) {
      this.#inString = true
      if (this.#expectsName) this.#name = ''
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth = Math.max(1, this.#depth - 1)
    else if (byte === COMMA && this.#depth === 1) this.#expectsName = true
    return false
  }
}
