/** The status line of `100 Continue`; `?` matches any digit. */
const CONTINUE = Buffer.from('HTTP/1.? 100')
const ANY = '?'.charCodeAt(0)
const LAST = CONTINUE.length - 1
const ZERO = '0'.charCodeAt(0)
const ONE = '1'.charCodeAt(0)
const TWO = '2'.charCodeAt(0)
const CR = 13
const LF = 10

/**
 * Rewrites each `100 Continue` that an upstream sends before its response to `102 Processing`. The
 * bytes may arrive in chunks of any size. The gateway's HTTP client skips 102 but fails on a 100
 * that it did not request. Bytes of the final response are never changed.
 */
export class InterimResponses {
  /**
   * Offset in the status line; -1 in the headers of an interim response, -2 in the final response.
   */
  #position = -2
  #isInterim = false
  #isContinue = false
  /** True if the current header line is empty so far. */
  #isEmptyLine = false

  /** Prepares for the responses to a request that is being written. */
  onRequest(): void {
    this.#position = 0
    this.#isContinue = true
  }

  /** Processes the next bytes in place. */
  rewrite(bytes: Buffer): void {
    for (let index = 0; index < bytes.length && this.#position !== -2; index++) {
      if (this.#position === -1) this.#scanHeader(bytes[index] as number)
      else this.#scanStatus(bytes, index)
    }
  }

  #scanStatus(bytes: Buffer, index: number): void {
    const byte = bytes[index] as number
    const expected = CONTINUE[this.#position] as number
    if (expected !== ANY && byte !== expected) this.#isContinue = false
    // The first digit of the status.
    if (this.#position === LAST - 2) this.#isInterim = byte === ONE
    if (this.#position < LAST) {
      this.#position++
      return
    }
    if (this.#isContinue && byte === ZERO) bytes[index] = TWO
    this.#position = this.#isInterim ? -1 : -2
    this.#isEmptyLine = false
  }

  #scanHeader(byte: number): void {
    if (byte === LF) {
      if (this.#isEmptyLine) this.onRequest()
      else this.#isEmptyLine = true
    } else if (byte !== CR) this.#isEmptyLine = false
  }
}
