import { type Cells, LineCells, QUOTE, QUOTED, StringCells } from './cells.js'
import type { LineReader } from './line-reader.js'
import { MAX_LINE_LENGTH } from './lines.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps } from './timestamps.js'
import { mapColumns, type readMapping } from './trace-columns.js'
import { type CellIndexes, cellIndexes, type FieldUnits, NO_CELLS, requestOf } from './trace-fields.js'
import { BadLineError, type TraceRequest } from './trace-request.js'

/**
 * Reads comma-separated values (RFC 4180) with a header line. Quoted fields may contain separators
 * and newlines. Fields are separated by semicolons or tabs if the header contains them and no
 * commas.
 */
export class CsvReader implements LineReader {
  #cells: LineCells | undefined
  #columns: CellIndexes = NO_CELLS
  #headers: readonly (readonly [name: string, index: number])[] = []
  #units: FieldUnits = { time: undefined, duration: undefined }
  #separator = ','
  #width = 0
  /** Lines of a record with an unclosed quote, and their total length. */
  #open: string[] = []
  #openLength = 0

  constructor(
    private readonly mapping: ReturnType<typeof readMapping>,
    private readonly timestamps: Timestamps,
    private readonly senders: SenderIds,
  ) {}

  read(text: string, from: number, to: number): TraceRequest | undefined {
    const cells = this.#cells
    if (cells === undefined || this.#open.length > 0) return this.#readRecord(text.slice(from, to))
    const count = cells.take(text, from, to)
    if (count === QUOTED) return this.#readRecord(text.slice(from, to))
    if (count === 1 && isBlank(text.slice(from, to))) return undefined
    this.#checkWidth(count)
    return this.#request(cells, (index) => cells.raw(index))
  }

  end(): void {
    if (this.#open.length > 0) throw new BadLineError('unclosed quote')
  }

  /** Reads a line that may be the header or part of a record. */
  #readRecord(line: string): TraceRequest | undefined {
    const open = this.#open
    const separator = this.#cells === undefined ? separatorIn(open[0] ?? line) : this.#separator
    // Scans each line only once. Rescanning the record at each line would take eight seconds if a
    // quote is never closed.
    const isOpen = endsInQuotes(line, separator, open.length > 0)
    open.push(line)
    this.#openLength += line.length + 1
    if (isOpen && this.#openLength <= MAX_LINE_LENGTH) return undefined
    this.#open = []
    this.#openLength = 0
    if (isOpen) throw new BadLineError('unclosed quote')
    const record = open.join('\n')
    if (isBlank(record)) return undefined
    if (this.#cells === undefined) {
      this.#readHeader(record, separator)
      return undefined
    }
    const fields = fieldsOf(record, separator)
    this.#checkWidth(fields.length)
    return this.#request(new StringCells(fields.map((field) => field.trim())), (index) => fields[index])
  }

  #readHeader(line: string, separator: string): void {
    this.#separator = separator
    const names = fieldsOf(line, separator).map((name) => name.trim())
    const { columns, headers, units } = mapColumns(this.mapping, names)
    this.#width = names.length
    this.#cells = new LineCells(separator.charCodeAt(0), names.length)
    this.#columns = cellIndexes((field) => names.indexOf(columns.get(field) ?? ''))
    this.#headers = [...headers].map(([header, column]) => [header, names.indexOf(column)] as const)
    this.#units = units
  }

  #checkWidth(count: number): void {
    if (count !== this.#width) throw new BadLineError(`${count} fields, but the header has ${this.#width}`)
  }

  #request(cells: Cells, rawOf: (index: number) => string | undefined): TraceRequest {
    return requestOf(cells, this.#columns, this.timestamps, this.senders, this.#units, this.#headersOf(rawOf))
  }

  #headersOf(rawOf: (index: number) => string | undefined): Record<string, string> | undefined {
    if (this.#headers.length === 0) return undefined
    return Object.fromEntries(
      this.#headers.flatMap(([header, index]) => {
        const value = rawOf(index) ?? ''
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
 * Reports whether a line ends within a quoted field. A quote in the middle of a field is an
 * ordinary character; otherwise it would swallow the following lines.
 *
 * @param within whether the line begins in a quoted field
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
    if (record[end + 1] !== separator) throw new BadLineError('unexpected characters after a closing quote')
    at = end + 2
  }
}
