import { RequestError } from '../rules/request-error.js'
import { READING_MEMORY } from './reading-memory.js'

/** The largest body that is read for the cost of a request, in bytes. Larger ones are 413. */
const MAX_BODY_BYTES = 1 << 20

/**
 * Bytes as they come in, copied: many small pieces would otherwise be kept as so many buffers of Node's. They count in the
 * memory of all bodies until `release`.
 */
export class BodyBytes {
  readonly #memory: ReturnType<typeof READING_MEMORY.begin>
  #bytes = Buffer.allocUnsafe(0)
  #length = 0

  /** @param evict is called where the body has to be given up for others */
  constructor(evict: () => void) {
    this.#memory = READING_MEMORY.begin(evict)
  }

  /** @throws RequestError where there are more than may be read; BodyMemoryError where there is no memory for them now. */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.byteLength
    if (length > MAX_BODY_BYTES)
      throw new RequestError(
        `the body is larger than ${MAX_BODY_BYTES} bytes, which is the most that is weighed`,
        413,
      )
    if (length > this.#bytes.byteLength) {
      const size = Math.min(MAX_BODY_BYTES, Math.max(1024, 2 * length))
      this.#memory.take(size - this.#bytes.byteLength)
      const grown = Buffer.allocUnsafe(size)
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    this.#bytes.set(piece, this.#length)
    this.#length = length
  }

  /** Ends their reading. */
  release(): void {
    this.#memory.release()
  }

  /** All of them. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/**
 * Parses a body that its framework has not parsed.
 *
 * @param header of the request, by a name in lower case
 * @throws RequestError for what is no JSON in UTF-8: 415 where the headers say so, else 400
 */
export function parseJsonBody(bytes: Uint8Array, header: (name: string) => string | undefined): unknown {
  const type = header('content-type') ?? ''
  const [media = '', ...parameters] = type
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const isJson = media === 'application/json' || /^application\/[\w.+-]+\+json$/.test(media)
  const isUtf8 = parameters.every((each) => !each.startsWith('charset') || /^charset="?utf-?8"?$/.test(each))
  const coding = header('content-encoding') ?? 'identity'
  if (!isJson || !isUtf8 || coding !== 'identity')
    throw new RequestError(
      'the body of this request is weighed, and has to be JSON in UTF-8, not compressed',
      415,
    )
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new RequestError('the body of this request is weighed, and is not JSON')
  }
}
