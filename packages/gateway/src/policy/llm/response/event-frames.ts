import { crc32 } from 'node:zlib'
import { type Block, BoundedBlock } from './bounded-block.js'
import type { PieceMemory } from './response-memory.js'

/** A frame of an AWS event stream. */
interface EventFrame {
  readonly payload: Buffer
  /** True if the frame reports an error instead of an event. */
  readonly failed: boolean
}

/** Receives the frames of a stream. */
export interface FrameSink {
  frame(frame: EventFrame): void
  /** Bytes of a frame that is too long to read whole. */
  tooLong(bytes: number): void
  /** Bytes that a checksum shows to be wrong, or that are not a frame. */
  corrupt(bytes: number): void
}

/** Two lengths and their checksum. */
const PRELUDE_BYTES = 12
const CHECKSUM_BYTES = 4
/** Maximum size of the headers of a frame, in bytes, according to the format. */
const MAX_HEADERS = 128 * 1024

/**
 * Splits a stream of type `application/vnd.amazon.eventstream` into frames, regardless of how it is
 * chunked. The format is described at
 * https://smithy.io/2.0/aws/amazon-eventstream.html. Each frame consists of its length, the length
 * of its headers, the CRC-32 of both lengths, the headers, the payload and the CRC-32 of everything
 * before it. All numbers are big-endian.
 *
 * Buffers at most one frame of `maxBytes` bytes. After wrong lengths, the beginning of the next
 * frame is unknown, so all further bytes are corrupt.
 */
export class EventFrames {
  readonly #block: BoundedBlock
  readonly #prelude = Buffer.alloc(PRELUDE_BYTES)
  readonly #sink: FrameSink
  /** The number of bytes of the prelude received so far. */
  #preludeBytes = 0
  /** The number of bytes of the frame after its prelude that have not been received. */
  #missing = 0
  #isLost = false

  /** @param maxBytes maximum size of a frame that is read whole, and of the buffer, in bytes */
  constructor(maxBytes: number, sink: FrameSink, memory?: PieceMemory) {
    this.#block = new BoundedBlock(maxBytes, memory)
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#isLost) {
      if (this.#preludeBytes < PRELUDE_BYTES) at += this.#readPrelude(chunk.subarray(at))
      else at += this.#readRest(chunk.subarray(at))
    }
    if (at < chunk.length) this.#sink.corrupt(chunk.length - at)
  }

  /** @returns the number of bytes read */
  #readPrelude(bytes: Buffer): number {
    const count = bytes.copy(this.#prelude, this.#preludeBytes)
    this.#preludeBytes += count
    if (this.#preludeBytes < PRELUDE_BYTES) return count
    const length = this.#prelude.readUInt32BE(0)
    const headers = this.#prelude.readUInt32BE(4)
    const isIntact = crc32(this.#prelude.subarray(0, 8)) === this.#prelude.readUInt32BE(8)
    if (isIntact && headers <= MAX_HEADERS && length >= PRELUDE_BYTES + headers + CHECKSUM_BYTES) {
      this.#missing = length - PRELUDE_BYTES
      this.#block.add(this.#prelude, this.#onBlock)
    } else {
      this.#isLost = true
      this.#sink.corrupt(PRELUDE_BYTES)
    }
    return count
  }

  /** @returns the number of bytes read */
  #readRest(bytes: Buffer): number {
    const piece = bytes.subarray(0, this.#missing)
    this.#missing -= piece.length
    if (this.#missing > 0) this.#block.add(piece, this.#onBlock)
    else {
      this.#preludeBytes = 0
      this.#block.end(piece, this.#onBlock)
    }
    return piece.length
  }

  readonly #onBlock = ({ bytes, whole }: Block) => {
    if (!whole) {
      this.#sink.tooLong(bytes.length)
      return
    }
    const end = bytes.length - CHECKSUM_BYTES
    const failed = crc32(bytes.subarray(0, end)) === bytes.readUInt32BE(end) ? isFailure(bytes) : undefined
    if (failed === undefined) this.#sink.corrupt(bytes.length)
    else {
      const start = PRELUDE_BYTES + bytes.readUInt32BE(4)
      this.#sink.frame({ payload: bytes.subarray(start, end), failed })
    }
  }

  /** Ends the stream. @param complete whether all of it arrived, so that an unfinished frame is wrong */
  end(complete: boolean): void {
    const isUnfinished = this.#preludeBytes > 0 && !this.#isLost
    const rest = Math.max(this.#block.rest().length, this.#preludeBytes)
    if (complete && isUnfinished) this.#sink.corrupt(rest)
  }
}

/** The sizes of header values by their type; those of strings and bytes precede the value. */
const VALUE_SIZES: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]

/**
 * Reports whether the header `:message-type` of a frame names an error; undefined if the headers
 * cannot be read.
 */
function isFailure(frame: Buffer): boolean | undefined {
  const end = PRELUDE_BYTES + frame.readUInt32BE(4)
  let messageType = ''
  let at = PRELUDE_BYTES
  while (at < end) {
    const nameEnd = at + 1 + frame.readUInt8(at)
    // A name is followed by the type of its value and, at the earliest, by the next header.
    if (nameEnd >= end) return undefined
    const name = frame.toString('latin1', at + 1, nameEnd)
    const fixedSize = VALUE_SIZES[frame.readUInt8(nameEnd)]
    let valueStart = nameEnd + 1
    let size = fixedSize
    if (size === undefined) {
      if (frame.readUInt8(nameEnd) >= VALUE_SIZES.length || valueStart + 2 > end) return undefined
      size = frame.readUInt16BE(valueStart)
      valueStart += 2
    }
    at = valueStart + size
    if (at > end) return undefined
    if (name === ':message-type') messageType = frame.toString('latin1', valueStart, at)
  }
  return messageType === 'exception' || messageType === 'error'
}
