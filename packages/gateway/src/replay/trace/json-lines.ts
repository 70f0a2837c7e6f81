import type { Labels } from 'sluice'
import { checkLabels } from 'sluice/internal'
import { MAX_TOKENS } from '../../policy/llm/request/json-fields.js'
import { StringCells } from './cells.js'
import type { LineReader } from './line-reader.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps } from './timestamps.js'
import { type ColumnMap, mapColumns, type readMapping } from './trace-columns.js'
import { cellIndexes, FIELDS, type Field, requestOf } from './trace-fields.js'
import { BadLineError, type RecordedCall, TraceError, type TraceRequest } from './trace-request.js'

/** Maximum depth of the members that a mapping can refer to, as in `usage.prompt_tokens`. */
const MAX_DEPTH = 4

/**
 * Reads JSON lines, including gateway records. Each line is an object and its members are columns.
 * Nested members are named with dots. The first object with a time determines the columns.
 */
export class JsonLinesReader implements LineReader {
  #map: ColumnMap | undefined

  constructor(
    private readonly mapping: ReturnType<typeof readMapping>,
    private readonly timestamps: Timestamps,
    private readonly senders: SenderIds,
  ) {}

  read(text: string, from: number, to: number): TraceRequest | undefined {
    const line = text.slice(from, to)
    if (line.trim() === '') return undefined
    const object = objectOf(line)
    // The first line of a gateway record describes the record.
    if (RECORD_MEMBER in object) return undefined
    this.#map ??= this.#columnsOf(object)
    const { columns, headers, units } = this.#map
    const texts = FIELDS.map((field) => {
      const column = columns.get(field)
      return column === undefined ? undefined : textAt(object, column)
    })
    const request = requestOf(
      new StringCells(texts),
      IN_ORDER,
      this.timestamps,
      this.senders,
      units,
      headersOf(object, headers),
    )
    return withRecord(request, object, columns.get('model'))
  }

  #columnsOf(object: Readonly<Record<string, unknown>>): ColumnMap {
    const names = namesOf(object, '', MAX_DEPTH)
    // Later objects may have members that the first one lacks.
    const mapped = this.mapping.map(({ column }) => column)
    const later = OPTIONAL_FIELDS.filter((name) => !names.includes(name))
    try {
      return mapColumns(this.mapping, [...names, ...mapped, ...later])
    } catch (error) {
      // The next object may have a time.
      throw error instanceof TraceError ? new BadLineError(error.message) : error
    }
  }
}

const IN_ORDER = cellIndexes((field) => FIELDS.indexOf(field))

/** Fields that may be missing from some objects. */
const OPTIONAL_FIELDS: readonly Field[] = [
  ...(['client', 'tier', 'ip', 'input_tokens', 'output_tokens'] as const),
  ...(['cached_tokens', 'max_tokens', 'cost', 'duration', 'model', 'money', 'currency'] as const),
]

function objectOf(line: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new BadLineError('not valid JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new BadLineError('not a JSON object')
  return value as Readonly<Record<string, unknown>>
}

function namesOf(object: object, prefix: string, depth: number): string[] {
  return Object.entries(object).flatMap(([name, value]) => {
    if (value !== null && typeof value === 'object')
      return depth > 1 && !Array.isArray(value) ? namesOf(value, `${prefix}${name}.`, depth - 1) : []
    return [`${prefix}${name}`]
  })
}

/** Returns a member by its name or by its path; undefined if there is none. */
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

/** Adds the members of a gateway record that are not columns. */
function withRecord(
  request: TraceRequest,
  object: Readonly<Record<string, unknown>>,
  modelColumn: string | undefined,
): TraceRequest {
  const costs = costsOf(object)
  const labels = labelsOf(object)
  const call = callOf(object)
  // A column without text is missing, but a call without a model is known to name none.
  const isUnnamed = modelColumn !== undefined && valueAt(object, modelColumn) === ''
  if (costs === undefined && labels === undefined && call === undefined && !isUnnamed) return request
  return {
    ...request,
    ...(costs && { costs }),
    ...(labels && { labels }),
    ...(call && { call }),
    ...(isUnnamed && { model: '' }),
  }
}

/** Returns the labels of the client. Other traces may use the name for something else. */
function labelsOf({ labels }: Readonly<Record<string, unknown>>): Labels | undefined {
  if (labels === null || typeof labels !== 'object') return undefined
  try {
    return checkLabels(labels)
  } catch {
    return undefined
  }
}

/** Returns what a gateway records of a model call beyond its tokens. */
function callOf({ reserved, price }: Readonly<Record<string, unknown>>): RecordedCall | undefined {
  const isObject = reserved !== null && typeof reserved === 'object'
  if (!isObject && typeof price !== 'string') return undefined
  const members: Readonly<Record<string, unknown>> = isObject ? { ...reserved } : {}
  const { input, answers, images, audio_seconds: audioSeconds, characters, rows } = members
  const recorded = { input, answers, images, audioSeconds, characters, rows }
  const counts = Object.entries(recorded).filter(([, count]) => isCount(count))
  return { ...Object.fromEntries(counts), ...(typeof price === 'string' && { priceId: price }) }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TOKENS
}

/** Returns the costs by rule that a gateway records. */
function costsOf({ costs }: Readonly<Record<string, unknown>>): Record<string, number> | undefined {
  if (costs === null || typeof costs !== 'object') return undefined
  for (const cost of Object.values(costs)) {
    if (!(typeof cost === 'number' && cost >= 0))
      throw new BadLineError("'costs' must contain only numbers, zero or more")
  }
  return costs as Record<string, number>
}

/**
 * The member that identifies the first line of a gateway record. Its value is the version of the
 * format.
 */
const RECORD_MEMBER = 'sluice_record'

/** Reports whether a line is the first one of a gateway record. */
export function isRecord(line: string): boolean {
  return looksLikeJson(line) && line.includes(`"${RECORD_MEMBER}"`)
}

/** Reports whether a line looks like this format. */
export function looksLikeJson(line: string): boolean {
  return line.trimStart().startsWith('{')
}
