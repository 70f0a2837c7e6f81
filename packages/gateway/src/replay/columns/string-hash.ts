/**
 * The 64-bit hash of the last string, in two halves. It is unseeded and not resistant to attacks.
 */
export class StringHash {
  low = 0
  high = 0

  of(text: string): this {
    let low = 0x2f0b4c47
    let high = 0x6b3f12a9
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      low = Math.imul(low ^ unit, 0x5bd1e995)
      low ^= low >>> 15
      high = Math.imul(high ^ unit, 0x27d4eb2f)
      high ^= high >>> 13
    }
    this.low = low
    this.high = high
    return this
  }
}
