/** A sample of a page of Prometheus metrics. */
export interface PrometheusSample {
  readonly name: string
  /** The labels by name, with their escapes resolved. */
  readonly labels: ReadonlyMap<string, string>
  /** A finite number. */
  readonly value: number
}

/**
 * Reads the samples of some metrics from a page in the Prometheus text format
 * (https://prometheus.io/docs/instrumenting/exposition_formats) or in OpenMetrics
 * (https://prometheus.io/docs/specs/om/open_metrics_spec). Timestamps and exemplars are ignored.
 * Malformed lines, and values that are not finite numbers, are skipped. Reads each character a
 * bounded number of times, whatever the page contains.
 *
 * @param names of the metrics
 */
export function* prometheusSamples(text: string, names: ReadonlySet<string>): Generator<PrometheusSample> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const sample = sampleOf(new LineReader(text, start, text[end - 1] === '\r' ? end - 1 : end), names)
    if (sample !== undefined) yield sample
    start = end + 1
  }
}

function sampleOf(line: LineReader, names: ReadonlySet<string>): PrometheusSample | undefined {
  line.skipBlanks()
  const name = line.takeName()
  if (!names.has(name)) return undefined
  const isSeparated = line.skipBlanks()
  const labels = line.take('{') ? takeLabels(line) : isSeparated ? NO_LABELS : undefined
  if (labels === undefined) return undefined
  line.skipBlanks()
  const value = decimalOf(line.takeWord())
  return Number.isFinite(value) && isRestValid(line) ? { name, labels, value } : undefined
}

const NO_LABELS: ReadonlyMap<string, string> = new Map()

/** Takes the labels after their opening brace, and the closing one. Undefined if they are malformed. */
function takeLabels(line: LineReader): ReadonlyMap<string, string> | undefined {
  const labels = new Map<string, string>()
  for (;;) {
    line.skipBlanks()
    if (line.take('}')) return labels
    const name = line.takeName()
    line.skipBlanks()
    if (name === '' || name.includes(':') || labels.has(name) || !line.take('=')) return undefined
    line.skipBlanks()
    const value = line.takeQuoted()
    if (value === undefined) return undefined
    labels.set(name, value)
    line.skipBlanks()
    if (!line.take(',')) return line.take('}') ? labels : undefined
  }
}

/** Reports whether at most a timestamp and an exemplar follow the value. */
function isRestValid(line: LineReader): boolean {
  line.skipBlanks()
  if (line.isAtEnd || line.take('#')) return true
  if (Number.isNaN(decimalOf(line.takeWord()))) return false
  line.skipBlanks()
  return line.isAtEnd || line.take('#')
}

/** Anything that is not part of a decimal number. `Number` also reads hexadecimal, binary and empty text. */
const NOT_DECIMAL = /[^-+.\deE]/

function decimalOf(word: string): number {
  return word === '' || NOT_DECIMAL.test(word) ? Number.NaN : Number(word)
}

/** Reads one line from its start to its end, and never steps back. */
class LineReader {
  readonly #text: string
  readonly #end: number
  #at: number

  constructor(text: string, start: number, end: number) {
    this.#text = text
    this.#at = start
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** @returns true if there was a blank */
  skipBlanks(): boolean {
    const start = this.#at
    while (!this.isAtEnd && isBlank(this.#code)) this.#at++
    return this.#at > start
  }

  /** Takes the name of a metric or label. Empty if there is none. */
  takeName(): string {
    const start = this.#at
    while (!this.isAtEnd && isNamePart(this.#code, this.#at === start)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** Takes the characters up to the next blank. */
  takeWord(): string {
    const start = this.#at
    while (!this.isAtEnd && !isBlank(this.#code)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** Takes a character if it is the next one. */
  take(character: string): boolean {
    if (this.isAtEnd || this.#code !== character.charCodeAt(0)) return false
    this.#at++
    return true
  }

  /** Takes a string in quotes, and resolves its escapes. Undefined if there is none. */
  takeQuoted(): string | undefined {
    if (!this.take('"')) return undefined
    let value = ''
    for (let from = this.#at; !this.isAtEnd; ) {
      const code = this.#code
      if (code === QUOTE || code === BACKSLASH) value += this.#text.slice(from, this.#at)
      this.#at++
      if (code === QUOTE) return value
      if (code !== BACKSLASH) continue
      value += unescaped(this.#text.charAt(this.#at))
      from = ++this.#at
    }
    return undefined
  }

  get #code(): number {
    return this.#text.charCodeAt(this.#at)
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Returns what a backslash and a character stand for. Unknown escapes stand for themselves. */
function unescaped(character: string): string {
  if (character === 'n') return '\n'
  return character === '"' || character === '\\' ? character : `\\${character}`
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Letters, underscores and colons; digits except at the beginning. */
function isNamePart(code: number, isFirst: boolean): boolean {
  const letter = code | 0x20
  if ((letter >= 0x61 && letter <= 0x7a) || code === 0x5f || code === 0x3a) return true
  return !isFirst && code >= 0x30 && code <= 0x39
}
