import { IncomingMessage } from 'node:http'
import { ByteBuffer } from '../../policy/llm/response/byte-buffer.js'
import { ChunkPacer } from './chunk-pacer.js'

/** A chunk of so many bytes is passed on as it is: to copy it costs more than to keep it. */
const LARGE = 4096

/** Chunks after which no more is read from the connection in this turn of the event loop. */
const MAX_CHUNKS = 1000

/** One for the process, whose time it shares out. */
const pacer = new ChunkPacer()

/**
 * A request of a client. Chunks of its body that arrive in one turn of the event loop become one, in as many bytes as they
 * have: Node would keep an object of a few hundred bytes for each, and have each handled by itself. A body in tiny chunks is
 * read no faster than the pacer allows.
 */
export class InboundRequest extends IncomingMessage {
  readonly #gathered = new ByteBuffer()
  /** Chunks that came in this turn. */
  #chunks = 0
  #bytes = 0
  #hasBegun = false
  #isTurn = false
  #received = 0
  #length: number | undefined
  /** Until it may be read on. */
  #pace: NodeJS.Timeout | undefined
  #onBegin: (() => void) | undefined

  /** The length that its head states; NaN where it states none. */
  get #stated(): number {
    if (this.#length === undefined) {
      const { 'transfer-encoding': coding, 'content-length': length } = this.headers
      this.#length = coding === undefined ? Number(length) : Number.NaN
    }
    return this.#length
  }

  /** Whether some of its body has come, or all of an empty one. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Calls back once, when the first of its body comes; undefined takes the callback back. */
  onBegin(callback: (() => void) | undefined): void {
    this.#onBegin = callback
  }

  /** Whether all of its body is here, for `read` to take. */
  get hasArrived(): boolean {
    return this.complete || this.readableLength === this.#stated
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
    this.#chunks++
    this.#bytes += chunk.length
    this.#received += chunk.length
    if (chunk.length < LARGE) this.#gathered.append(chunk)
    // A small body that is here goes on at once, with its head.
    if (chunk.length >= LARGE || this.#received === this.#stated) {
      const hasRoom = this.#flush()
      return chunk.length < LARGE ? hasRoom : super.push(chunk)
    }
    if (!this.#isTurn) {
      this.#isTurn = true
      // Node runs what waits for the next tick between one chunk and the next.
      setImmediate(endTurn, this)
    }
    if (this.#chunks === MAX_CHUNKS) this.socket.pause()
    return this.readableLength + this.#gathered.length < this.readableHighWaterMark
  }

  override _read(size: number): void {
    if (this.#pace === undefined) super._read(size)
  }

  /** Passes on what has come in this turn. */
  endTurn(): void {
    this.#isTurn = false
    const [chunks, bytes] = [this.#chunks, this.#bytes]
    this.#chunks = 0
    this.#bytes = 0
    if (this.destroyed) return
    const hasRoom = this.#flush()
    const delay = pacer.delayAfter(chunks, bytes)
    if (delay > 0) this.#wait(delay)
    else if (!hasRoom) this.socket.pause()
    else if (chunks >= MAX_CHUNKS) this.socket.resume()
  }

  #flush(): boolean {
    return this.#gathered.length === 0 || super.push(this.#gathered.take())
  }

  #wait(delay: number): void {
    clearTimeout(this.#pace)
    this.socket.pause()
    this.#pace = setTimeout(() => {
      this.#pace = undefined
      if (this.socket.destroyed) return
      if (this.readableEnded || this.readableLength < this.readableHighWaterMark) this.socket.resume()
    }, delay).unref()
  }
}

function endTurn(request: InboundRequest): void {
  request.endTurn()
}
