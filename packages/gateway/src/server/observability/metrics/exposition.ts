/** The label values of a sample. */
export type Labels = Readonly<Record<string, string>>

/** A request that is an example of the values in a sample. */
export interface Exemplar {
  readonly labels: Labels
  readonly value: number
  /** Epoch milliseconds. */
  readonly at: number
}

/** The value of a series. */
export interface Sample {
  /** The part of the name after that of the family, such as `_bucket`. */
  readonly suffix?: string
  readonly labels: Labels
  readonly value: number
  readonly exemplar?: Exemplar | undefined
}

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'info'

/** All series of one metric. The names of counters end in `_total`, those of infos in `_info`. */
export interface MetricFamily {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly samples: readonly Sample[]
}

/** The text formats of Prometheus (version 0.0.4) and of OpenMetrics (version 1.0.0). */
export type TextFormat = 'prometheus' | 'openmetrics'

export const MEDIA_TYPES: Readonly<Record<TextFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Maximum length of the labels of an exemplar in OpenMetrics, names included, in characters. */
const MAX_EXEMPLAR_LENGTH = 128

/**
 * Writes metrics as text. Exemplars appear only in OpenMetrics, on counters and buckets. One whose
 * labels are longer than OpenMetrics allows is left out.
 */
export function exposition(families: Iterable<MetricFamily>, format: TextFormat): string {
  const lines: string[] = []
  for (const family of families) addFamily(lines, family, format)
  if (format === 'openmetrics') lines.push('# EOF')
  return `${lines.join('\n')}\n`
}

function addFamily(lines: string[], { name, help, type, samples }: MetricFamily, format: TextFormat): void {
  const isOpen = format === 'openmetrics'
  // OpenMetrics names a family without the suffix of its samples.
  const family = isOpen && (type === 'counter' || type === 'info') ? name.replace(/_(total|info)$/, '') : name
  lines.push(`# HELP ${family} ${isOpen ? escaped(help) : escaped(help).replaceAll('\\"', '"')}`)
  lines.push(`# TYPE ${family} ${type === 'info' && !isOpen ? 'gauge' : type}`)
  for (const { suffix = '', labels, value, exemplar } of samples) {
    const isBucket = suffix === '_bucket'
    const series = `${name}${suffix}${labelText(labels, isOpen && isBucket)}`
    const example = isOpen && (isBucket || type === 'counter') ? exemplarText(exemplar) : ''
    lines.push(`${series} ${numberText(value)}${example}`)
  }
}

function labelText(labels: Labels, hasCanonicalBound: boolean): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const text = hasCanonicalBound && name === 'le' ? canonicalBound(value) : value
    return `${name}="${escaped(text)}"`
  })
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return ''
  const { labels, value, at } = exemplar
  const length = Object.entries(labels).reduce((sum, [name, text]) => sum + name.length + text.length, 0)
  if (length > MAX_EXEMPLAR_LENGTH) return ''
  return ` # ${labelText(labels, false) || '{}'} ${numberText(value)} ${(at / 1000).toFixed(3)}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

/** Returns the upper bound of a bucket as OpenMetrics writes it, such as `1.0` and `1e-05`. */
function canonicalBound(text: string): string {
  const bound = Number(text)
  if (Number.isInteger(bound)) return bound.toFixed(1)
  if (!(bound < 0.0001)) return text
  return bound.toExponential().replace(/e-(\d)$/, 'e-0$1')
}
