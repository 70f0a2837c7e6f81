import { TextCells } from './cells.js'
import type { LineReader } from './line-reader.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps } from './timestamps.js'
import { type ColumnMap, mapColumns, type readMapping } from './trace-columns.js'
import { FIELDS, type Field, placesOf, requestOf } from './trace-fields.js'
import { BadLineError, TraceError, type TraceRequest } from './trace-request.js'

/** Deepest member that a mapping can name, as in `usage.prompt_tokens`. */
const MAX_DEPTH = 4

/**
 * Reads JSON lines, of which the gateway's own record is one: each an object, whose members are columns. Members of members are
 * named with a dot between, and so is a mapping to them. Which member says what is found out with the first object that has a time.
 */
export class JsonLinesReader implements LineReader {
  #map: ColumnMap | undefined

  constructor(
    private readonly mapping: ReturnType<typeof readMapping>,
    private readonly moments: Timestamps,
    private readonly senders: SenderIds,
  ) {}

  read(text: string, from: number, to: number): TraceRequest | undefined {
    const line = text.slice(from, to)
    if (line.trim() === '') return undefined
    const object = objectOf(line)
    // What tells of a whole record stands in its first line.
    if (RECORD in object) return undefined
    this.#map ??= this.#columnsOf(object)
    const { columns, headers, units } = this.#map
    const texts = FIELDS.map((field) => {
      const column = columns.get(field)
      return column === undefined ? undefined : textAt(object, column)
    })
    const request = requestOf(
      new TextCells(texts),
      IN_ORDER,
      this.moments,
      this.senders,
      units,
      headersOf(object, headers),
    )
    const costs = costsOf(object)
    return costs === undefined ? request : { ...request, costs }
  }

  #columnsOf(object: Readonly<Record<string, unknown>>): ColumnMap {
    const names = namesOf(object, '', MAX_DEPTH)
    // A member that the first object has not may come with later ones.
    const mapped = this.mapping.map(({ column }) => column)
    const later = LATER.filter((name) => !names.includes(name))
    try {
      return mapColumns(this.mapping, [...names, ...mapped, ...later])
    } catch (error) {
      // It has no time, which the next one may have.
      throw error instanceof TraceError ? new BadLineError(error.message) : error
    }
  }
}

const IN_ORDER = placesOf((field) => FIELDS.indexOf(field))

/** Members that not every object has. */
const LATER: readonly Field[] = [
  ...(['client', 'tier', 'ip', 'input_tokens', 'output_tokens'] as const),
  ...(['cached_tokens', 'max_tokens', 'cost', 'duration'] as const),
]

function objectOf(line: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new BadLineError('it is no JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new BadLineError('it is no JSON object')
  return value as Readonly<Record<string, unknown>>
}

function namesOf(object: object, prefix: string, depth: number): string[] {
  return Object.entries(object).flatMap(([name, value]) => {
    if (value !== null && typeof value === 'object')
      return depth > 1 && !Array.isArray(value) ? namesOf(value, `${prefix}${name}.`, depth - 1) : []
    return [`${prefix}${name}`]
  })
}

/** A member by its name, or by the names on the way to it; undefined where it is not there, null or no single value. */
function valueAt(object: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(object, path)) return object[path]
  let value: unknown = object
  for (const name of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

function textAt(object: Readonly<Record<string, unknown>>, path: string): string | undefined {
  const value = valueAt(object, path)
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function headersOf(
  object: Readonly<Record<string, unknown>>,
  headers: ColumnMap['headers'],
): Record<string, string> | undefined {
  if (headers.size === 0) return undefined
  return Object.fromEntries(
    [...headers].flatMap(([header, column]) => {
      const value = textAt(object, column)
      return value === undefined ? [] : [[header, value]]
    }),
  )
}

/** Costs by the name of a rule, as the gateway records them. */
function costsOf({ costs }: Readonly<Record<string, unknown>>): Record<string, number> | undefined {
  if (costs === null || typeof costs !== 'object') return undefined
  for (const cost of Object.values(costs)) {
    if (!(typeof cost === 'number' && cost >= 0)) throw new BadLineError("its 'costs' are no numbers")
  }
  return costs as Record<string, number>
}

/** The member of the first line of what a gateway recorded: the version of its format. */
const RECORD = 'sluice_record'

/** Whether a trace that begins with this line was recorded by a gateway. */
export function isRecord(line: string): boolean {
  return looksLikeJson(line) && line.includes(`"${RECORD}"`)
}

/** Whether a line may be of this format. */
export function looksLikeJson(line: string): boolean {
  return line.trimStart().startsWith('{')
}
