import { type ColumnMap, mapColumns, type readMapping } from './columns.js'
import { type Field, type FieldTexts, requestOf } from './fields.js'
import type { LineReader } from './line-reader.js'
import { MAX_LINE } from './lines.js'
import type { Moments } from './moments.js'
import type { Senders } from './senders.js'
import { BadLineError, type TraceRequest } from './trace-request.js'

/**
 * Reads comma-separated values as RFC 4180 has them: a head with the names of the columns, and fields in quotes, which
 * may have commas and newlines in them. Semicolons and tabs separate too, where the head has them and no commas.
 */
export class CsvReader implements LineReader {
  #columns: readonly (readonly [field: Field, index: number])[] | undefined
  #headers: readonly (readonly [name: string, index: number])[] = []
  #map: ColumnMap | undefined
  #separator = ','
  #width = 0
  /** What has come of a record whose quotes are not closed yet. */
  #open: string | undefined

  constructor(
    private readonly mapping: ReturnType<typeof readMapping>,
    private readonly moments: Moments,
    private readonly senders: Senders,
  ) {}

  read(line: string): TraceRequest | undefined {
    let record = line
    if (this.#open !== undefined || line.includes('"')) {
      const joined = this.#open === undefined ? line : `${this.#open}\n${line}`
      this.#open = undefined
      if (hasOpenQuote(joined)) {
        if (joined.length > MAX_LINE) throw new BadLineError('a field in quotes has no end')
        this.#open = joined
        return undefined
      }
      record = joined
    }
    if (record.trim() === '') return undefined
    if (this.#columns === undefined) {
      this.#readHead(record)
      return undefined
    }
    return this.#request(fieldsOf(record, this.#separator), this.#columns)
  }

  end(): void {
    if (this.#open !== undefined) throw new BadLineError('a field in quotes has no end')
  }

  #readHead(line: string): void {
    this.#separator = [',', ';', '\t'].find((separator) => line.includes(separator)) ?? ','
    const names = fieldsOf(line, this.#separator).map((name) => name.trim())
    const map = mapColumns(this.mapping, names)
    this.#map = map
    this.#width = names.length
    this.#columns = [...map.columns].map(([field, column]) => [field, names.indexOf(column)] as const)
    this.#headers = [...map.headers].map(([header, column]) => [header, names.indexOf(column)] as const)
  }

  #request(
    values: readonly string[],
    columns: readonly (readonly [field: Field, index: number])[],
  ): TraceRequest {
    if (values.length !== this.#width)
      throw new BadLineError(`it has ${values.length} fields, and the head has ${this.#width}`)
    const texts: Partial<Record<Field, string>> = {}
    for (const [field, index] of columns) {
      const value = (values[index] as string).trim()
      if (value !== '') texts[field] = value
    }
    const units = (this.#map as ColumnMap).units
    return requestOf(texts satisfies FieldTexts, this.moments, this.senders, units, this.#headersOf(values))
  }

  #headersOf(values: readonly string[]): Record<string, string> | undefined {
    if (this.#headers.length === 0) return undefined
    return Object.fromEntries(
      this.#headers.flatMap(([header, index]) => {
        const value = values[index] ?? ''
        return value === '' ? [] : [[header, value]]
      }),
    )
  }
}

function hasOpenQuote(record: string): boolean {
  let quotes = 0
  for (let at = record.indexOf('"'); at >= 0; at = record.indexOf('"', at + 1)) quotes++
  return quotes % 2 === 1
}

function fieldsOf(record: string, separator: string): string[] {
  if (!record.includes('"')) return record.split(separator)
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (record.charCodeAt(at) !== 34) {
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
