import type { Block } from './bounded-block.js'
import type { AnswerKind } from './content-kind.js'
import { JsonOutline } from './json-outline.js'
import { JsonValues } from './json-values.js'
import type { AnswerRoom, ResponseMemory } from './response-memory.js'
import { SseData } from './sse-data.js'
import { SseSplitter } from './sse-splitter.js'

/** The longest event, or value of several, that is read, in bytes. The last event of a response repeats the whole of it. */
export const MAX_EVENT = 4 * 1024 * 1024
/** The longest document that is read, in bytes. */
export const MAX_DOCUMENT = 8 * 1024 * 1024

/** Takes what an answer consists of. */
export interface AnswerParts {
  /** An event of an event stream. */
  event(data: string, name: string | undefined): void
  /** A value of several, as JSON. */
  value(json: string): void
  /** The whole answer, as JSON. */
  document(json: string): void
  /** Some bytes that are too long to be read. */
  tooLong(bytes: number): void
  /** The outline, as JSON, of an event or a value that was too long and has now ended. */
  outline(json: string): void
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const SPACE = 0x20
/** How a line of an event stream begins: with a colon, `data`, `event`, `id`, `retry`, or `error` of some servers. */
const FIELD_STARTS: ReadonlySet<number> = new Set(Buffer.from(':deir'))
const OPENINGS: ReadonlySet<number> = new Set(Buffer.from('{['))

/**
 * Reads the body of an answer. Its first byte tells what it is, since servers send event streams, lines of JSON and documents
 * under the media types of one another; the media type counts where that byte leaves it open. Holds one event, value or
 * document at most.
 */
export class ResponseBody {
  readonly #declared: AnswerKind
  readonly #parts: AnswerParts
  readonly #memory: ResponseMemory | undefined
  #reader: EventReader | ValueReader | undefined
  /** How much of a byte order mark has come. */
  #mark = 0

  constructor(declared: AnswerKind, parts: AnswerParts, memory?: ResponseMemory) {
    this.#declared = declared
    this.#parts = parts
    this.#memory = memory
  }

  push(chunk: Buffer): void {
    let at = 0
    while (this.#reader === undefined && at < chunk.length) {
      const byte = chunk[at] as number
      if (this.#mark < BYTE_ORDER_MARK.length && byte === BYTE_ORDER_MARK[this.#mark]) this.#mark += 1
      else if (byte > SPACE) this.#reader = this.#readerFor(byte)
      if (this.#reader === undefined) at += 1
    }
    this.#reader?.push(at === 0 ? chunk : chunk.subarray(at))
  }

  #readerFor(byte: number): EventReader | ValueReader {
    if (!OPENINGS.has(byte) && (this.#declared === 'events' || FIELD_STARTS.has(byte)))
      return new EventReader(this.#parts, this.#memory?.room())
    return new ValueReader(this.#declared === 'values', this.#parts, this.#memory)
  }

  /**
   * Reads what is left.
   *
   * @param complete whether the answer came to its end
   * @returns `false` where a document was cut: then nothing is known of it
   */
  end(complete: boolean): boolean {
    if (this.#reader !== undefined) return this.#reader.end(complete) || this.#declared === 'events'
    return complete || this.#declared !== 'document'
  }

  /** Lets go of what is held. */
  release(): void {
    this.#reader?.release()
  }

  /** Of a document that was cut: bytes of text that had come of it. Known once it has ended. */
  get cutText(): number {
    return this.#reader?.cutText ?? 0
  }
}

/** Reads the outlines of what is too long to be held. */
class LongParts {
  readonly #parts: AnswerParts
  #outline: JsonOutline | undefined

  constructor(parts: AnswerParts) {
    this.#parts = parts
  }

  push(bytes: Buffer): void {
    // The blank line that ends an event, for one.
    if (this.#outline === undefined && bytes.every((byte) => byte <= SPACE)) return
    this.#parts.tooLong(bytes.length)
    this.#outline ??= new JsonOutline()
    this.#outline.push(bytes)
    if (!this.#outline.isComplete) return
    const { json } = this.#outline
    this.#outline = undefined
    if (json !== undefined) this.#parts.outline(json)
  }

  /** Forgets what has begun, since something else begins. */
  reset(): void {
    this.#outline = undefined
  }

  /** Bytes of text in what has begun, with its last bytes. */
  textWith(rest: Buffer): number {
    this.#outline ??= new JsonOutline()
    this.#outline.push(rest)
    return this.#outline.textBytes
  }
}

class EventReader {
  readonly #parts: AnswerParts
  readonly #blocks: SseSplitter
  readonly #data = new SseData()
  readonly #long: LongParts
  readonly cutText = 0

  constructor(parts: AnswerParts, room: AnswerRoom | undefined) {
    this.#parts = parts
    this.#blocks = new SseSplitter(MAX_EVENT, room)
    this.#long = new LongParts(parts)
  }

  release(): void {
    this.#blocks.rest()
  }

  push(chunk: Buffer): void {
    this.#blocks.push(chunk, ({ bytes, whole }) => {
      if (!whole) {
        this.#long.push(bytes)
        return
      }
      this.#long.reset()
      this.#read(bytes)
    })
  }

  /** What comes after the last blank line is an event to most clients where the stream is complete. */
  end(complete: boolean): true {
    const { hasEnded } = this.#blocks
    const rest = this.#blocks.rest()
    if (complete || hasEnded) this.#read(rest)
    return true
  }

  #read(block: Buffer): void {
    const data = this.#data.of(block)
    if (data !== undefined) this.#parts.event(data, this.#data.name)
    // Some servers of llama.cpp's kind write an error as a field of its own.
    else if (block.length < MAX_EVENT && ERROR_FIELD.test(block.toString('latin1')))
      this.#parts.event('', 'error')
  }
}

const ERROR_FIELD = /(^|[\r\n])error:/

class ValueReader {
  readonly #parts: AnswerParts
  readonly #values: JsonValues
  /** There is more than one value, or there may be. */
  #several: boolean
  #first: string | undefined
  readonly #firstRoom: AnswerRoom | undefined
  readonly #long: LongParts
  #cutText = 0

  constructor(several: boolean, parts: AnswerParts, memory: ResponseMemory | undefined) {
    this.#several = several
    this.#parts = parts
    this.#long = new LongParts(parts)
    this.#values = new JsonValues(several ? MAX_EVENT : MAX_DOCUMENT, memory?.room())
    this.#firstRoom = memory?.room()
  }

  release(): void {
    this.#values.rest()
    this.#firstRoom?.resize(0)
    this.#first = undefined
  }

  push(chunk: Buffer): void {
    this.#values.push(chunk, (value) => this.#take(value))
  }

  #take({ bytes, whole }: Block): void {
    if (!whole) {
      this.#long.push(bytes)
      return
    }
    this.#long.reset()
    const json = bytes.toString('utf8')
    if (this.#several) {
      this.#parts.value(json)
    } else if (this.#first !== undefined) {
      this.#several = true
      this.#parts.value(this.#first)
      this.#first = undefined
      this.#firstRoom?.resize(0)
      this.#parts.value(json)
    } else if (this.#firstRoom?.resize(bytes.length) === false) {
      // There is no room to wait for a second value.
      this.#several = true
      this.#parts.document(json)
    } else {
      this.#first = json
    }
  }

  end(complete: boolean): boolean {
    const isCut = this.#values.isInValue
    const rest = this.#values.rest()
    // A value that a whole answer leaves open is no JSON; the reader of values finds that out.
    if (complete && rest.length > 0) this.#take({ bytes: rest, whole: true })
    else if (isCut) this.#cutText = this.#long.textWith(rest)
    if (this.#first !== undefined) {
      if (isCut) this.#parts.value(this.#first)
      else this.#parts.document(this.#first)
    }
    return complete || this.#several || this.#first !== undefined || !isCut
  }

  get cutText(): number {
    return this.#cutText
  }
}
