import { type Cells, LineCells, QUOTE, QUOTED, TextCells } from './cells.js'
import type { LineReader } from './line-reader.js'
import { MAX_LINE } from './lines.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps } from './timestamps.js'
import { mapColumns, type readMapping } from './trace-columns.js'
import { type FieldUnits, NOWHERE, type Places, placesOf, requestOf } from './trace-fields.js'
import { BadLineError, type TraceRequest } from './trace-request.js'

/**
 * Reads comma-separated values as RFC 4180 has them: a head with the names of the columns, and fields in quotes, which
 * may have commas and newlines in them. Semicolons and tabs separate too, where the head has them and no commas.
 */
export class CsvReader implements LineReader {
  #cells: LineCells | undefined
  #columns: Places = NOWHERE
  #headers: readonly (readonly [name: string, place: number])[] = []
  #units: FieldUnits = { time: undefined, duration: undefined }
  #separator = ','
  #width = 0
  /** The lines that have come of a record whose quotes are not closed yet, and how long they are. */
  #open: string[] = []
  #openLength = 0

  constructor(
    private readonly mapping: ReturnType<typeof readMapping>,
    private readonly moments: Timestamps,
    private readonly senders: SenderIds,
  ) {}

  read(text: string, from: number, to: number): TraceRequest | undefined {
    const cells = this.#cells
    if (cells === undefined || this.#open.length > 0) return this.#readRecord(text.slice(from, to))
    const count = cells.take(text, from, to)
    if (count === QUOTED) return this.#readRecord(text.slice(from, to))
    if (count === 1 && isBlank(text.slice(from, to))) return undefined
    this.#checkWidth(count)
    return this.#request(cells, (place) => cells.raw(place))
  }

  end(): void {
    if (this.#open.length > 0) throw new BadLineError('a field in quotes has no end')
  }

  /** Reads a line of which a record may be only a part, or that is the head. */
  #readRecord(line: string): TraceRequest | undefined {
    const open = this.#open
    const separator = this.#cells === undefined ? separatorIn(open[0] ?? line) : this.#separator
    // Each line is looked through once: a quote that is never closed would else cost eight seconds until it is given up.
    const isOpen = endsInQuotes(line, separator, open.length > 0)
    open.push(line)
    this.#openLength += line.length + 1
    if (isOpen && this.#openLength <= MAX_LINE) return undefined
    this.#open = []
    this.#openLength = 0
    if (isOpen) throw new BadLineError('a field in quotes has no end')
    const record = open.join('\n')
    if (isBlank(record)) return undefined
    if (this.#cells === undefined) {
      this.#readHead(record, separator)
      return undefined
    }
    const fields = fieldsOf(record, separator)
    this.#checkWidth(fields.length)
    return this.#request(new TextCells(fields.map((field) => field.trim())), (place) => fields[place])
  }

  #readHead(line: string, separator: string): void {
    this.#separator = separator
    const names = fieldsOf(line, separator).map((name) => name.trim())
    const { columns, headers, units } = mapColumns(this.mapping, names)
    this.#width = names.length
    this.#cells = new LineCells(separator.charCodeAt(0), names.length)
    this.#columns = placesOf((field) => names.indexOf(columns.get(field) ?? ''))
    this.#headers = [...headers].map(([header, column]) => [header, names.indexOf(column)] as const)
    this.#units = units
  }

  #checkWidth(count: number): void {
    if (count !== this.#width)
      throw new BadLineError(`it has ${count} fields, and the head has ${this.#width}`)
  }

  #request(cells: Cells, rawOf: (place: number) => string | undefined): TraceRequest {
    return requestOf(cells, this.#columns, this.moments, this.senders, this.#units, this.#headersOf(rawOf))
  }

  #headersOf(rawOf: (place: number) => string | undefined): Record<string, string> | undefined {
    if (this.#headers.length === 0) return undefined
    return Object.fromEntries(
      this.#headers.flatMap(([header, place]) => {
        const value = rawOf(place) ?? ''
        return value === '' ? [] : [[header, value]]
      }),
    )
  }
}

function isBlank(text: string): boolean {
  return text.trim() === ''
}

function separatorIn(head: string): string {
  return [',', ';', '\t'].find((separator) => head.includes(separator)) ?? ','
}

/**
 * Whether the last field of a line began with a quote and has no end yet. A quote within a field is a character: it opens nothing, or it would take in
 * the lines that follow.
 *
 * @param within whether the line begins in such a field
 */
function endsInQuotes(line: string, separator: string, within: boolean): boolean {
  let at = 0
  let isQuoted = within
  for (;;) {
    if (isQuoted || line.charCodeAt(at) === QUOTE) {
      at = line.indexOf('"', isQuoted ? at : at + 1)
      while (at >= 0 && line.charCodeAt(at + 1) === QUOTE) at = line.indexOf('"', at + 2)
      if (at < 0) return true
      isQuoted = false
    }
    at = line.indexOf(separator, at) + 1
    if (at === 0) return false
  }
}

function fieldsOf(record: string, separator: string): string[] {
  if (!record.includes('"')) return record.split(separator)
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (record.charCodeAt(at) !== QUOTE) {
      const end = record.indexOf(separator, at)
      fields.push(end < 0 ? record.slice(at) : record.slice(at, end))
      if (end < 0) return fields
      at = end + 1
      continue
    }
    let end = at + 1
    while (end < record.length && (record[end] !== '"' || record[end + 1] === '"'))
      end += record[end] === '"' ? 2 : 1
    fields.push(record.slice(at + 1, end).replaceAll('""', '"'))
    if (end + 1 >= record.length) return fields
    if (record[end + 1] !== separator) throw new BadLineError('something follows a field in quotes')
    at = end + 2
  }
}
