import { isUsageEvent } from '../shapes/openai-fields.js'
import { ByteBuffer } from './byte-buffer.js'
import { ChoiceScan } from './choice-scan.js'
import { parseData, SseData } from './sse-data.js'

/** The longest event that may be the usage, in bytes: it has a few numbers. */
const MAX_USAGE_EVENT = 64 * 1024

const NOTHING = Buffer.alloc(0)
const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** Fields of an event that are held until it is known whether it is the usage. */
const HELD_FIELDS = ['data', 'event'] as const

/** Beginnings of lines that pass held ones: comments, `id` and `retry`. */
const OVERTAKING: ReadonlySet<number> = new Set(Buffer.from(':ir'))

/** Treatment of a byte. */
type Way = 'pass' | 'hold' | 'drop'

/** The kind of a line, as far as it is known. */
type Line = 'start' | 'name' | 'data' | 'held' | 'passed'

/**
 * Removes the usage that the gateway requested from an event stream: events with a usage and no
 * choices.
 *
 * All other lines are kept. Comments, `id`, `retry` and blank lines pass at once. The `event` and
 * `data` lines of an event are held until its first bytes rule out a usage. Lines that pass
 * meanwhile overtake them, which has no effect within an event. Holds at most `MAX_USAGE_EVENT`
 * bytes; a longer event passes unchanged.
 */
export class UsageFilter {
  readonly #held = new ByteBuffer()
  #scan = new ChoiceScan()
  #line: Line = 'start'
  #name = ''
  /** True if the next byte may be the space after the colon. */
  #mayBeSpace = false
  #hasData = false
  /** True if the current event is not the usage. */
  #isShown = false
  /** True if a dropped part of the event would change the next event unless this one ends. */
  #mustEnd = false
  /**
   * Treatment of a CR that was the last byte: an LF after it belongs to the same line end.
   */
  #afterCR: Way | undefined
  #mark = 0
  /** The current chunk, the start of the current run in it, and the current byte. */
  #chunk: Buffer = NOTHING
  #start = 0
  #at = 0
  #way: Way = 'pass'
  #out: Buffer[] = []

  /** @returns the bytes to send now; none while all are held */
  push(chunk: Buffer): Buffer {
    this.#out = []
    this.#chunk = chunk
    this.#start = 0
    for (this.#at = 0; this.#at < chunk.length; this.#at += 1)
      this.#go(this.#wayOf(chunk[this.#at] as number))
    this.#endRun()
    this.#chunk = NOTHING
    return this.#out.length === 1 ? (this.#out[0] ?? NOTHING) : Buffer.concat(this.#out)
  }

  /** @returns the bytes to send at the end of the stream */
  end(): Buffer {
    const rest = this.#held.take()
    if (rest.length === 0 || (this.#hasData && isUsage(rest))) return NOTHING
    // Held bytes must not become part of the unfinished line that overtook them.
    return this.#line === 'passed' ? Buffer.concat([Buffer.of(LF), rest]) : rest
  }

  #go(way: Way): void {
    if (way === this.#way) return
    this.#endRun()
    this.#way = way
  }

  #endRun(): void {
    const run = this.#chunk.subarray(this.#start, this.#at)
    this.#start = this.#at
    if (run.length === 0) return
    if (this.#way === 'pass') this.#out.push(run)
    else if (this.#way === 'hold') this.#held.append(run)
  }

  /** Sends the held bytes before the current one. */
  #release(): void {
    this.#endRun()
    const held = this.#held.take()
    if (held.length > 0) this.#out.push(held)
  }

  #show(): Way {
    this.#release()
    this.#isShown = true
    this.#line = 'passed'
    return 'pass'
  }

  #wayOf(byte: number): Way {
    const paired = byte === LF ? this.#afterCR : undefined
    this.#afterCR = undefined
    if (paired !== undefined) return paired
    const ends = byte === CR || byte === LF
    const way = ends ? this.#endLine(byte) : this.#readLine(byte)
    if (byte === CR) this.#afterCR = way
    return way
  }

  #endLine(byte: number): Way {
    const line = this.#line
    if (line === 'start') return this.#endEvent()
    // A field without a colon has no value.
    if (line === 'name' && this.#name === 'data') this.#hasData = true
    this.#line = 'start'
    if (line === 'passed') return 'pass'
    if (line === 'data' && this.#scan.excludes(byte)) {
      const way = this.#show()
      this.#line = 'start'
      return way
    }
    return 'hold'
  }

  /** Handles the blank line that ends an event. @returns what to do with it */
  #endEvent(): Way {
    this.#endRun()
    const hides = this.#hasData && !this.#isShown && isUsage(this.#held.peek())
    if (hides) this.#held.take()
    else this.#release()
    const way = hides && !this.#mustEnd ? 'drop' : 'pass'
    this.#scan = new ChoiceScan()
    this.#hasData = false
    this.#isShown = false
    this.#mustEnd = false
    return way
  }

  #readLine(byte: number): Way {
    switch (this.#line) {
      case 'passed':
        return 'pass'
      case 'start':
        return this.#beginLine(byte)
      case 'name':
        return this.#readName(byte)
      case 'held':
        return this.#hold()
      case 'data': {
        const isFirstSpace = this.#mayBeSpace && byte === SPACE
        this.#mayBeSpace = false
        return !isFirstSpace && this.#scan.excludes(byte) ? this.#show() : this.#hold()
      }
    }
  }

  #beginLine(byte: number): Way {
    if (this.#mark < BYTE_ORDER_MARK.length && byte === BYTE_ORDER_MARK[this.#mark]) {
      this.#mark += 1
      return 'pass'
    }
    this.#mark = BYTE_ORDER_MARK.length
    this.#name = String.fromCharCode(byte)
    if (!this.#isShown && beginsHeldField(this.#name)) this.#line = 'name'
    else this.#line = this.#holding() > 0 && !OVERTAKING.has(byte) ? 'held' : 'passed'
    return this.#line === 'passed' ? 'pass' : 'hold'
  }

  #readName(byte: number): Way {
    if (byte !== COLON) {
      this.#name += String.fromCharCode(byte)
      if (beginsHeldField(this.#name)) return 'hold'
    } else if (this.#name === 'data') {
      this.#hasData = true
      this.#mayBeSpace = true
      this.#line = 'data'
      return 'hold'
    } else if (this.#name === 'event') {
      this.#line = 'held'
      return 'hold'
    }
    this.#line = this.#hasData ? 'held' : 'passed'
    if (this.#hasData) return 'hold'
    // Not a field of an event.
    this.#mustEnd = true
    this.#release()
    return 'pass'
  }

  #hold(): Way {
    return this.#holding() < MAX_USAGE_EVENT ? 'hold' : this.#show()
  }

  /** The number of held bytes. */
  #holding(): number {
    return this.#held.length + (this.#way === 'hold' ? this.#at - this.#start : 0)
  }
}

function beginsHeldField(name: string): boolean {
  return HELD_FIELDS.some((field) => field.startsWith(name))
}

function isUsage(lines: Buffer): boolean {
  const data = new SseData().of(lines)
  return data !== undefined && isUsageEvent(parseData(data))
}
