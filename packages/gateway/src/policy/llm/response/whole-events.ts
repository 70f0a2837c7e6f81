import { ByteBuffer } from './byte-buffer.js'
import { type EventBoundaries, eventBoundaries, type StreamFormat } from './event-boundaries.js'

/** Maximum number of bytes that are held back until their event is complete. */
const MAX_HELD = 1024 * 1024

/**
 * Forwards only whole events, so that a stream can be ended between two of them. An event that is too
 * long to be held back is forwarded in parts, and its stream cannot be ended from then on.
 */
export class WholeEvents {
  readonly #boundaries: EventBoundaries
  readonly #held = new ByteBuffer()
  #isBroken = false

  constructor(format: StreamFormat) {
    this.#boundaries = eventBoundaries(format)
  }

  /** True if all that was forwarded are whole events. */
  get isWhole(): boolean {
    return !this.#isBroken
  }

  /** @returns the bytes to send now; empty while an event is incomplete */
  push(chunk: Buffer): Buffer {
    if (this.#isBroken) return chunk
    const end = this.#boundaries.lastEnd(chunk)
    const whole = end === 0 ? chunk.subarray(0, 0) : this.#withHeld(chunk.subarray(0, end))
    if (this.#held.length + chunk.length - end > MAX_HELD) {
      this.#isBroken = true
      return Buffer.concat([whole, this.#withHeld(chunk.subarray(end))])
    }
    if (end < chunk.length) this.#held.append(chunk.subarray(end))
    return whole
  }

  /** @returns the bytes to send at the end of the stream */
  end(): Buffer {
    return this.#held.take()
  }

  #withHeld(bytes: Buffer): Buffer {
    return this.#held.length === 0 ? bytes : Buffer.concat([this.#held.take(), bytes])
  }
}
