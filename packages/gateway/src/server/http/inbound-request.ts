import { IncomingMessage } from 'node:http'
import { ByteBuffer } from '../../policy/llm/response/byte-buffer.js'
import { ChunkPacer } from './chunk-pacer.js'

/**
 * Chunks of at least this many bytes are delivered without copying, because copying them would cost
 * more than it saves.
 */
const LARGE_CHUNK = 4096

/**
 * Number of chunks after which the connection is paused for the rest of the turn of the event loop.
 */
const MAX_CHUNKS = 1000

/** Shared by all connections, since it bounds the CPU time of the process. */
const pacer = new ChunkPacer()

/**
 * An incoming request that joins those chunks of its body that arrive in the same turn of the event
 * loop.
 *
 * Node would allocate a few hundred bytes for each chunk and handle it separately. The pacer bounds
 * the rate at which bodies in tiny chunks are read.
 */
export class InboundRequest extends IncomingMessage {
  readonly #gathered = new ByteBuffer()
  /** Number of chunks that arrived in this turn. */
  #chunks = 0
  #bytes = 0
  #hasBegun = false
  #isTurnPending = false
  #received = 0
  #length: number | undefined
  /** Ends the pause that the pacer imposed. */
  #resumeTimer: NodeJS.Timeout | undefined
  #onBegin: (() => void) | undefined

  /** The Content-Length; NaN without one. */
  get #declaredLength(): number {
    if (this.#length === undefined) {
      const { 'transfer-encoding': coding, 'content-length': length } = this.headers
      this.#length = coding === undefined ? Number(length) : Number.NaN
    }
    return this.#length
  }

  /** Reports whether part of the body, or the end of an empty body, has arrived. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Sets a callback for the first byte of the body; undefined removes it. */
  onBegin(callback: (() => void) | undefined): void {
    this.#onBegin = callback
  }

  /** Reports whether the whole body can be read now. */
  get hasArrived(): boolean {
    return this.complete || this.readableLength === this.#declaredLength
  }

  override push(chunk: Buffer | null): boolean {
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#onBegin?.()
    }
    if (chunk === null) {
      this.#flush()
      return super.push(null)
    }
    // A small body that arrived with the head needs no pacing. It is copied, so that it does not
    // keep everything that arrived with it in memory.
    if (this.#received === 0 && chunk.length === this.#declaredLength && chunk.length < LARGE_CHUNK) {
      this.#received = chunk.length
      return super.push(Buffer.from(chunk))
    }
    this.#chunks++
    this.#bytes += chunk.length
    this.#received += chunk.length
    if (chunk.length < LARGE_CHUNK) this.#gathered.append(chunk)
    // A complete small body is delivered immediately, together with the head.
    if (chunk.length >= LARGE_CHUNK || this.#received === this.#declaredLength) {
      const hasRoom = this.#flush()
      return chunk.length < LARGE_CHUNK ? hasRoom : super.push(chunk)
    }
    if (!this.#isTurnPending) {
      this.#isTurnPending = true
      // `nextTick` would run between two chunks.
      setImmediate(endTurn, this)
    }
    if (this.#chunks === MAX_CHUNKS) this.socket.pause()
    return this.readableLength + this.#gathered.length < this.readableHighWaterMark
  }

  override _read(size: number): void {
    if (this.#resumeTimer === undefined) super._read(size)
  }

  /** Delivers the chunks that arrived in this turn. */
  endTurn(): void {
    this.#isTurnPending = false
    const [chunks, bytes] = [this.#chunks, this.#bytes]
    this.#chunks = 0
    this.#bytes = 0
    if (this.destroyed) return
    const hasRoom = this.#flush()
    const delay = pacer.delayAfter(chunks, bytes)
    if (delay > 0) this.#pauseFor(delay)
    else if (!hasRoom) this.socket.pause()
    else if (chunks >= MAX_CHUNKS) this.socket.resume()
  }

  #flush(): boolean {
    return this.#gathered.length === 0 || super.push(this.#gathered.take())
  }

  #pauseFor(delay: number): void {
    clearTimeout(this.#resumeTimer)
    this.socket.pause()
    this.#resumeTimer = setTimeout(() => {
      this.#resumeTimer = undefined
      if (this.socket.destroyed) return
      if (this.readableEnded || this.readableLength < this.readableHighWaterMark) this.socket.resume()
    }, delay).unref()
  }
}

function endTurn(request: InboundRequest): void {
  request.endTurn()
}
