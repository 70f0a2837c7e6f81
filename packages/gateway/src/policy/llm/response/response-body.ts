import type { Block } from './bounded-block.js'
import type { AnswerKind } from './content-kind.js'
import { EventFrames, type FrameSink } from './event-frames.js'
import { JsonOutline } from './json-outline.js'
import { JsonValues } from './json-values.js'
import type { PieceMemory, ResponseMemory } from './response-memory.js'
import { SseData } from './sse-data.js'
import { SseSplitter } from './sse-splitter.js'

/**
 * Maximum size of an event or value that is read whole, in bytes. The last event may repeat the
 * whole response.
 */
export const MAX_EVENT = 4 * 1024 * 1024
/** Maximum size of a document that is read whole, in bytes. */
export const MAX_DOCUMENT = 8 * 1024 * 1024

/** Receives the parts of a response. */
export interface AnswerParts {
  /** An event of an event stream. */
  event(data: string, name: string | undefined): void
  /** One of several values, as JSON. */
  value(json: string): void
  /** The whole response, as JSON. */
  document(json: string): void
  /** Bytes of an event or value that is too long to read whole. */
  tooLong(bytes: number): void
  /** Bytes of a binary frame with a wrong checksum. */
  corrupt(bytes: number): void
  /** The outline, as JSON, of an event or value that was too long, after its end. */
  outline(json: string): void
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const SPACE = 0x20
/**
 * First bytes of lines in an event stream: a colon, or the initials of `data`, `event`, `id`,
 * `retry` and, for some servers, `error`.
 */
const FIELD_STARTS: ReadonlySet<number> = new Set(Buffer.from(':deir'))
const OPEN_BRACKET = 0x5b
const OPENINGS: ReadonlySet<number> = new Set(Buffer.from('{['))

/**
 * Reads the body of a response. The first byte determines its kind, since servers confuse the media
 * types of event streams, JSON lines and documents. If the first byte is ambiguous, the media type
 * decides. Buffers at most one event, value or document.
 */
export class ResponseBody {
  readonly #declared: AnswerKind
  readonly #parts: AnswerParts
  readonly #memory: ResponseMemory | undefined
  readonly #mayBeList: boolean
  #reader: EventReader | ValueReader | FrameReader | undefined
  /** The number of bytes of a byte order mark received so far. */
  #mark = 0

  /** @param mayBeList true if a stream can be one JSON list with an item per event */
  constructor(declared: AnswerKind, parts: AnswerParts, memory?: ResponseMemory, mayBeList = false) {
    this.#mayBeList = mayBeList
    this.#declared = declared
    this.#parts = parts
    this.#memory = memory
  }

  push(chunk: Buffer): void {
    let at = 0
    if (this.#declared === 'frames') this.#reader ??= new FrameReader(this.#parts, this.#memory?.allocate())
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
      return new EventReader(this.#parts, this.#memory?.allocate())
    const isList = this.#mayBeList && byte === OPEN_BRACKET
    return new ValueReader(isList ? 'list' : this.#declared, this.#parts, this.#memory)
  }

  /**
   * Reads the buffered bytes at the end.
   *
   * @param complete whether the response arrived in full
   * @returns `false` for a truncated document, whose usage is unknown
   */
  end(complete: boolean): boolean {
    if (this.#reader !== undefined) return this.#reader.end(complete) || this.#declared === 'events'
    return complete || this.#declared !== 'document' || this.#mayBeList
  }

  /** Frees the buffered bytes. */
  release(): void {
    this.#reader?.release()
  }

  /** Bytes of text in a truncated document. Known after `end`. */
  get truncatedText(): number {
    return this.#reader?.truncatedText ?? 0
  }
}

/** Reads outlines of values that are too long to buffer. */
class LongParts {
  readonly #parts: AnswerParts
  #outline: JsonOutline | undefined

  constructor(parts: AnswerParts) {
    this.#parts = parts
  }

  push(bytes: Buffer): void {
    // Ignores white space, such as the blank line that ends an event.
    if (this.#outline === undefined && bytes.every((byte) => byte <= SPACE)) return
    this.#parts.tooLong(bytes.length)
    this.#outline ??= new JsonOutline()
    this.#outline.push(bytes)
    if (!this.#outline.isComplete) return
    const { json } = this.#outline
    this.#outline = undefined
    if (json !== undefined) this.#parts.outline(json)
  }

  /** Discards the unfinished outline, since another value begins. */
  reset(): void {
    this.#outline = undefined
  }

  /** Adds the last bytes of the unfinished value. Returns the number of bytes of text in it. */
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
  readonly truncatedText = 0

  constructor(parts: AnswerParts, memory: PieceMemory | undefined) {
    this.#parts = parts
    this.#blocks = new SseSplitter(MAX_EVENT, memory)
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

  /**
   * Reads the event after the last blank line if the stream is complete, since most clients read
   * it.
   */
  end(complete: boolean): true {
    const { hasEnded } = this.#blocks
    const rest = this.#blocks.rest()
    if (complete || hasEnded) this.#read(rest)
    return true
  }

  #read(block: Buffer): void {
    const data = this.#data.of(block)
    if (data !== undefined) this.#parts.event(data, this.#data.name)
    // Some servers derived from llama.cpp send errors in a field named `error`.
    else if (block.length < MAX_EVENT && ERROR_FIELD.test(block.toString('latin1')))
      this.#parts.event('', 'error')
  }
}

const ERROR_FIELD = /(^|[\r\n])error:/

class FrameReader {
  readonly #frames: EventFrames
  readonly truncatedText = 0

  constructor(parts: AnswerParts, memory: PieceMemory | undefined) {
    const sink: FrameSink = {
      frame: ({ payload, failed }) => {
        if (payload.length > 0) parts.event(payload.toString('utf8'), failed ? 'error' : undefined)
        else if (failed) parts.event('', 'error')
      },
      tooLong: parts.tooLong,
      corrupt: parts.corrupt,
    }
    this.#frames = new EventFrames(MAX_EVENT, sink, memory)
  }

  release(): void {
    this.#frames.end(false)
  }

  push(chunk: Buffer): void {
    this.#frames.push(chunk)
  }

  end(complete: boolean): true {
    this.#frames.end(complete)
    return true
  }
}

class ValueReader {
  readonly #parts: AnswerParts
  readonly #values: JsonValues
  /** True if there is or may be more than one value. */
  #several: boolean
  #first: string | undefined
  readonly #firstMemory: PieceMemory | undefined
  readonly #long: LongParts
  #truncatedText = 0

  constructor(kind: AnswerKind | 'list', parts: AnswerParts, memory: ResponseMemory | undefined) {
    this.#several = kind === 'values' || kind === 'list'
    this.#parts = parts
    this.#long = new LongParts(parts)
    const maxBytes = this.#several ? MAX_EVENT : MAX_DOCUMENT
    this.#values = new JsonValues(maxBytes, memory?.allocate(), kind === 'list')
    this.#firstMemory = memory?.allocate()
  }

  release(): void {
    this.#values.rest()
    this.#firstMemory?.resize(0)
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
      this.#firstMemory?.resize(0)
      this.#parts.value(json)
    } else if (this.#firstMemory?.resize(bytes.length) === false) {
      // There is no memory to buffer the value until a second one arrives.
      this.#several = true
      this.#parts.document(json)
    } else {
      this.#first = json
    }
  }

  end(complete: boolean): boolean {
    const isTruncated = this.#values.isInValue
    const rest = this.#values.rest()
    // A value that is unfinished at the end of a complete response is invalid JSON, which its
    // reader reports.
    if (complete && rest.length > 0) this.#take({ bytes: rest, whole: true })
    else if (isTruncated) this.#truncatedText = this.#long.textWith(rest)
    if (this.#first !== undefined) {
      if (isTruncated) this.#parts.value(this.#first)
      else this.#parts.document(this.#first)
    }
    return complete || this.#several || this.#first !== undefined || !isTruncated
  }

  get truncatedText(): number {
    return this.#truncatedText
  }
}
