import { RequestError } from '../rules/request-error.js'
import { READING_MEMORY } from './reading-memory.js'

/**
 * Maximum size of a body that is read for the cost of a request, in bytes. Larger bodies are
 * rejected with 413.
 */
const MAX_BODY_BYTES = 1 << 20

/**
 * Collects the bytes of a body. It copies them, because a body that arrives in many small chunks
 * would otherwise keep as many Node buffers alive. The bytes count against the memory limit of all
 * bodies until `release`.
 */
export class BodyBytes {
  readonly #memory: ReturnType<typeof READING_MEMORY.begin>
  #bytes = Buffer.allocUnsafe(0)
  #length = 0

  /** @param onEvict called when the body is evicted to make room for others */
  constructor(onEvict: () => void) {
    this.#memory = READING_MEMORY.begin(onEvict)
  }

  /**
   * Appends a chunk.
   *
   * @throws RequestError if the body is larger than allowed
   * @throws BodyMemoryError if no memory is left
   */
  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.byteLength
    if (length > MAX_BODY_BYTES)
      throw new RequestError(
        `a rule reads the request body, which must be at most ${MAX_BODY_BYTES} bytes`,
        413,
      )
    if (length > this.#bytes.byteLength) {
      const size = Math.min(MAX_BODY_BYTES, Math.max(1024, 2 * length))
      this.#memory.take(size - this.#bytes.byteLength)
      const grown = Buffer.allocUnsafe(size)
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
  }

  /** Frees the memory of the body. */
  release(): void {
    this.#memory.release()
  }

  /** The bytes received so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/**
 * Parses a body that the framework has not parsed.
 *
 * @param header returns a header of the request by its name in lower case
 * @throws RequestError if the body is not JSON in UTF-8: 415 if the headers declare another format,
 *   otherwise 400
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
    throw new RequestError('a rule reads the request body, which must be uncompressed JSON in UTF-8', 415)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new RequestError('a rule reads the request body, which is not valid JSON')
  }
}
