/** The status line of `100 Continue`; `?` stands for any digit. */
const CONTINUE = Buffer.from('HTTP/1.? 100')
const ANY = '?'.charCodeAt(0)
const LAST = CONTINUE.length - 1
const ZERO = '0'.charCodeAt(0)
const ONE = '1'.charCodeAt(0)
const TWO = '2'.charCodeAt(0)
const CR = 13
const LF = 10

/**
 * Makes `102 Processing` of each `100 Continue` that an upstream sends before its answer, in the bytes as they come and
 * however they are cut. Both are interim and mean nothing to the gateway, which asked for neither; but its HTTP client skips
 * only the one. Bytes of the answer itself are never touched.
 */
export class InterimResponses {
  /** Place in the status line; -1 in the headers of an interim answer, -2 once the answer itself has begun. */
  #at = -2
  #isInterim = false
  #isContinue = false
  /** Whether the line in the headers is empty so far. */
  #isEmptyLine = false

  /** A request is written: the bytes that come next are its answers. */
  begin(): void {
    this.#at = 0
    this.#isContinue = true
  }

  /** Sees the next bytes that came, and changes them where needed. */
  see(bytes: Buffer): void {
    for (let index = 0; index < bytes.length && this.#at !== -2; index++) {
      if (this.#at === -1) this.#seeHeader(bytes[index] as number)
      else this.#seeStatus(bytes, index)
    }
  }

  #seeStatus(bytes: Buffer, index: number): void {
    const byte = bytes[index] as number
    const expected = CONTINUE[this.#at] as number
    if (expected !== ANY && byte !== expected) this.#isContinue = false
    // The first digit of the status.
    if (this.#at === LAST - 2) this.#isInterim = byte === ONE
    if (this.#at < LAST) {
      this.#at++
      return
    }
    if (this.#isContinue && byte === ZERO) bytes[index] = TWO
    this.#at = this.#isInterim ? -1 : -2
    this.#isEmptyLine = false
  }

  #seeHeader(byte: number): void {
    if (byte === LF) {
      if (this.#isEmptyLine) this.begin()
      else this.#isEmptyLine = true
    } else if (byte !== CR) this.#isEmptyLine = false
  }
}
