import { nearest } from 'sluice/internal'
import { TIME_UNITS, type TimeUnit } from './timestamps.js'
import { FIELDS, type Field, type FieldUnits } from './trace-fields.js'
import { printable, TraceError } from './trace-request.js'

/** Maps fields to the columns of a trace. */
export interface ColumnMap {
  readonly columns: ReadonlyMap<Field, string>
  /** Columns by header name, in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly units: FieldUnits
}

/**
 * Common column names, reduced to letters and digits in lower case. `TIMESTAMP`, `ContextTokens`
 * and `GeneratedTokens` occur in the Azure LLM inference traces.
 */
const KNOWN_NAMES: Readonly<Record<Field, readonly string[]>> = {
  time: [
    'time',
    'timestamp',
    'at',
    'datetime',
    'date',
    'ts',
    'reqtime',
    'arrival',
    'arrivaltime',
    'arrivedat',
  ],
  client: ['client', 'clientid', 'user', 'userid', 'tenant', 'tenantid', 'customer', 'customerid', 'account'],
  tier: ['tier', 'plan'],
  ip: ['ip', 'address', 'clientip', 'remoteaddr', 'remoteaddress'],
  method: ['method', 'httpmethod', 'verb'],
  path: ['path', 'target', 'url', 'uri', 'route', 'endpoint'],
  input_tokens: ['inputtokens', 'prompttokens', 'contexttokens', 'tokensin', 'numprefilltokens'],
  output_tokens: ['outputtokens', 'completiontokens', 'generatedtokens', 'tokensout', 'numdecodetokens'],
  cached_tokens: ['cachedtokens', 'cachedinputtokens'],
  max_tokens: ['maxtokens', 'maxoutputtokens', 'maxcompletiontokens'],
  cost: ['cost'],
  model: ['model', 'modelname', 'modelid'],
  money: ['money'],
  currency: ['currency'],
  duration: ['duration', 'latency', 'elapsed', 'requesttime', 'responsetime'],
}

/** A header in a mapping, such as `header:x-tenant`. */
const HEADER = /^header:([!#$%&'*+.^_`|~0-9a-z-]+)$/i

/** One part of a mapping: a field or header, its column, and the unit of a time. */
interface ColumnMapping {
  readonly field: Field | undefined
  readonly header: string | undefined
  readonly column: string
  readonly unit: TimeUnit | undefined
}

/**
 * Parses a mapping such as `time=ts:ms,client=user,header:x-tenant=tenant`.
 *
 * @throws TraceError if the mapping is invalid
 */
export function readMapping(text: string): readonly ColumnMapping[] {
  return text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const equals = part.indexOf('=')
      const name = part.slice(0, Math.max(0, equals)).trim()
      if (equals < 1)
        throw new TraceError(`expected FIELD=COLUMN, as in time=ts,client=user, not '${part.trim()}'`)
      const { column, unit } = withUnit(part.slice(equals + 1).trim(), name)
      const header = HEADER.exec(name)?.[1]?.toLowerCase()
      const field = FIELDS.find((known) => known === name)
      if (header === undefined && field === undefined) {
        const meant = nearest(name, FIELDS)
        const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`
        throw new TraceError(
          `unknown field '${name}'${hint}; the fields are ${FIELDS.join(', ')} and header:NAME`,
        )
      }
      return { field, header, column, unit }
    })
}

/** Splits off a known unit. Other colons belong to the name of the column. */
function withUnit(column: string, field: string): { column: string; unit: TimeUnit | undefined } {
  const unit = TIME_UNITS.find((known) => column.endsWith(`:${known}`))
  if (unit === undefined || (field !== 'time' && field !== 'duration')) return { column, unit: undefined }
  return { column: column.slice(0, -unit.length - 1), unit }
}

/**
 * Finds the columns of the fields: those in the mapping, or otherwise columns with a common name.
 *
 * @param names the names of all columns
 * @throws TraceError if a mapped column is missing, or none contains the time
 */
export function mapColumns(mapping: readonly ColumnMapping[], names: readonly string[]): ColumnMap {
  const columns = new Map<Field, string>()
  const headers = new Map<string, string>()
  const units: { time: TimeUnit | undefined; duration: TimeUnit | undefined } = {
    time: undefined,
    duration: undefined,
  }
  for (const { field, header, column, unit } of mapping) {
    if (!names.includes(column)) throw new TraceError(noSuchColumn(column, names))
    if (header !== undefined) headers.set(header, column)
    if (field !== undefined) columns.set(field, column)
    if (field === 'time' || field === 'duration') units[field] = unit
  }
  for (const field of FIELDS) {
    const column = columns.get(field) ?? names.find((name) => isNameOf(name, field))
    if (column === undefined) continue
    columns.set(field, column)
    if (field === 'time' || field === 'duration') units[field] ??= unitInName(column)
  }
  for (const name of names) {
    const header = HEADER.exec(name)?.[1]?.toLowerCase()
    if (header !== undefined && !headers.has(header)) headers.set(header, name)
  }
  if (!columns.has('time'))
    throw new TraceError(`no time column found among ${listed(names)}; choose one with --columns time=NAME`)
  return { columns, headers, units }
}

function isNameOf(name: string, field: Field): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const known = KNOWN_NAMES[field]
  if (known.includes(plain)) return true
  const unit = unitInName(name)
  return unit !== undefined && known.some((each) => `${each}${unit}` === plain)
}

/**
 * Derives the unit from the name: `latency_ms` is in milliseconds, nginx's `request_time` in
 * seconds.
 */
function unitInName(name: string): TimeUnit | undefined {
  if (name === 'request_time') return 's'
  const ending = /[_\-. ](s|ms|us|ns)$/i.exec(name)?.[1]?.toLowerCase()
  return TIME_UNITS.find((unit) => unit === ending)
}

function noSuchColumn(column: string, names: readonly string[]): string {
  const meant = nearest(column, names)
  const hint = meant === undefined ? '' : ` (did you mean '${meant}'?)`
  return `unknown column '${column}'${hint}; the columns are ${listed(names)}`
}

const MAX_LISTED_NAMES = 20

function listed(names: readonly string[]): string {
  const list = names
    .slice(0, MAX_LISTED_NAMES)
    .map((name) => printable(name.slice(0, 40)))
    .join(', ')
  return names.length > MAX_LISTED_NAMES ? `${list} and more` : list
}
