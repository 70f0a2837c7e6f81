import { isUsageEvent } from '../shapes/openai-fields.js'
import { ByteBuffer } from './byte-buffer.js'
import { ChoiceScan } from './choice-scan.js'
import { parseData, SseData } from './sse-data.js'

/** Maximum size of a usage event, in bytes. It contains only a few numbers. */
const MAX_USAGE_EVENT = 64 * 1024

const NOTHING = Buffer.alloc(0)
const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** Fields that are buffered until it is known whether their event is a usage event. */
const BUFFERED_FIELDS = ['data', 'event'] as const

/** First bytes of lines that are sent before any buffered lines: comments, `id` and `retry`. */
const UNBUFFERED: ReadonlySet<number> = new Set(Buffer.from(':ir'))

/** The treatment of a byte. */
type Treatment = 'pass' | 'buffer' | 'drop'

/** The kind of the current line, as far as it is known. */
type Line = 'start' | 'name' | 'data' | 'buffered' | 'passed'

/**
 * Removes usage events, which the gateway requested, from an event stream. A usage event has
 * `usage` but no `choices`.
 *
 * All other lines are forwarded. Comments, `id`, `retry` and blank lines are forwarded immediately.
 * The `event` and `data` lines of an event are buffered until its first bytes rule out a usage
 * event. Other lines may be sent before them, which has no effect within an event. Buffers at most
 * `MAX_USAGE_EVENT` bytes; a longer event is forwarded unchanged.
 */
export class UsageFilter {
  readonly #buffer = new ByteBuffer()
  #scan = new ChoiceScan()
  #line: Line = 'start'
  #name = ''
  /** True if the next byte may be the space after the colon. */
  #mayBeSpace = false
  #hasData = false
  /** True if the current event is not a usage event. */
  #isShown = false
  /**
   * True if lines of the event were forwarded. Its blank line is then forwarded even if its usage
   * is removed, so that those lines do not become part of the next event.
   */
  #mustEnd = false
  /**
   * The treatment of a CR that was the last byte. An LF after it belongs to the same line ending.
   */
  #afterCR: Treatment | undefined
  #mark = 0
  /** The current chunk, the start of the current run in it, and the current byte. */
  #chunk: Buffer = NOTHING
  #start = 0
  #at = 0
  #treatment: Treatment = 'pass'
  #out: Buffer[] = []

  /** Filters a chunk. @returns the bytes to send now; empty while all are buffered */
  push(chunk: Buffer): Buffer {
    this.#out = []
    this.#chunk = chunk
    this.#start = 0
    for (this.#at = 0; this.#at < chunk.length; this.#at += 1)
      this.#setTreatment(this.#treatmentOf(chunk[this.#at] as number))
    this.#endRun()
    this.#chunk = NOTHING
    return this.#out.length === 1 ? (this.#out[0] ?? NOTHING) : Buffer.concat(this.#out)
  }

  /** @returns the bytes to send at the end of the stream */
  end(): Buffer {
    const rest = this.#buffer.take()
    if (rest.length === 0 || (this.#hasData && isUsage(rest))) return NOTHING
    // The buffered bytes must not become part of an unfinished line that was sent before them.
    return this.#line === 'passed' ? Buffer.concat([Buffer.of(LF), rest]) : rest
  }

  #setTreatment(treatment: Treatment): void {
    if (treatment === this.#treatment) return
    this.#endRun()
    this.#treatment = treatment
  }

  #endRun(): void {
    const run = this.#chunk.subarray(this.#start, this.#at)
    this.#start = this.#at
    if (run.length === 0) return
    if (this.#treatment === 'pass') this.#out.push(run)
    else if (this.#treatment === 'buffer') this.#buffer.append(run)
  }

  /** Sends the buffered bytes before the current one. */
  #release(): void {
    this.#endRun()
    const buffered = this.#buffer.take()
    if (buffered.length > 0) this.#out.push(buffered)
  }

  #show(): Treatment {
    this.#release()
    this.#isShown = true
    this.#line = 'passed'
    return 'pass'
  }

  #treatmentOf(byte: number): Treatment {
    const paired = byte === LF ? this.#afterCR : undefined
    this.#afterCR = undefined
    if (paired !== undefined) return paired
    const ends = byte === CR || byte === LF
    const treatment = ends ? this.#endLine(byte) : this.#readLine(byte)
    if (byte === CR) this.#afterCR = treatment
    return treatment
  }

  #endLine(byte: number): Treatment {
    const line = this.#line
    if (line === 'start') return this.#endEvent()
    // A field without a colon has no value.
    if (line === 'name' && this.#name === 'data') this.#hasData = true
    this.#line = 'start'
    if (line === 'passed') return 'pass'
    if (line === 'data' && this.#scan.excludes(byte)) {
      const treatment = this.#show()
      this.#line = 'start'
      return treatment
    }
    return 'buffer'
  }

  /** Handles the blank line that ends an event. @returns the treatment of that line */
  #endEvent(): Treatment {
    this.#endRun()
    const hides = this.#hasData && !this.#isShown && isUsage(this.#buffer.peek())
    if (hides) this.#buffer.take()
    else this.#release()
    const treatment = hides && !this.#mustEnd ? 'drop' : 'pass'
    this.#scan = new ChoiceScan()
    this.#hasData = false
    this.#isShown = false
    this.#mustEnd = false
    return treatment
  }

  #readLine(byte: number): Treatment {
    switch (this.#line) {
      case 'passed':
        return 'pass'
      case 'start':
        return this.#beginLine(byte)
      case 'name':
        return this.#readName(byte)
      case 'buffered':
        return this.#bufferOrShow()
      case 'data': {
        const isFirstSpace = this.#mayBeSpace && byte === SPACE
        this.#mayBeSpace = false
        return !isFirstSpace && this.#scan.excludes(byte) ? this.#show() : this.#bufferOrShow()
      }
    }
  }

  #beginLine(byte: number): Treatment {
    if (this.#mark < BYTE_ORDER_MARK.length && byte === BYTE_ORDER_MARK[this.#mark]) {
      this.#mark += 1
      return 'pass'
    }
    this.#mark = BYTE_ORDER_MARK.length
    this.#name = String.fromCharCode(byte)
    if (!this.#isShown && beginsBufferedField(this.#name)) this.#line = 'name'
    else this.#line = this.#bufferedLength() > 0 && !UNBUFFERED.has(byte) ? 'buffered' : 'passed'
    return this.#line === 'passed' ? 'pass' : 'buffer'
  }

  #readName(byte: number): Treatment {
    if (byte !== COLON) {
      this.#name += String.fromCharCode(byte)
      if (beginsBufferedField(this.#name)) return 'buffer'
    } else if (this.#name === 'data') {
      this.#hasData = true
      this.#mayBeSpace = true
      this.#line = 'data'
      return 'buffer'
    } else if (this.#name === 'event') {
      this.#line = 'buffered'
      return 'buffer'
    }
    this.#line = this.#hasData ? 'buffered' : 'passed'
    if (this.#hasData) return 'buffer'
    // The line is not a field of an event.
    this.#mustEnd = true
    this.#release()
    return 'pass'
  }

  #bufferOrShow(): Treatment {
    return this.#bufferedLength() < MAX_USAGE_EVENT ? 'buffer' : this.#show()
  }

  /** The number of buffered bytes. */
  #bufferedLength(): number {
    return this.#buffer.length + (this.#treatment === 'buffer' ? this.#at - this.#start : 0)
  }
}

function beginsBufferedField(name: string): boolean {
  return BUFFERED_FIELDS.some((field) => field.startsWith(name))
}

function isUsage(lines: Buffer): boolean {
  const data = new SseData().of(lines)
  return data !== undefined && isUsageEvent(parseData(data))
}
