/** A sample of the text format: a series and its value. */
export interface MetricSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/y

/** Parses the text format of Prometheus, version 0.0.4. Throws if the text is invalid. */
export function parseMetrics(text: string): MetricSample[] {
  const typed = new Map<string, string>()
  const samples: MetricSample[] = []
  if (!text.endsWith('\n')) throw new Error('the last line has no newline')
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === 'TYPE') typed.set(name as string, rest as string)
    if (line.startsWith('#')) continue
    const match = LINE.exec(line)
    if (match === null) throw new Error(`not a sample: ${line}`)
    const [, series = '', labels = '', value] = match
    const family = series.replace(/_(bucket|sum|count)$/, '')
    if (!typed.has(series) && typed.get(family) !== 'histogram') throw new Error(`missing type of ${series}`)
    samples.push({ name: series, labels: labelsOf(labels), value: Number(value) })
  }
  return samples
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text)
    if (match === null) throw new Error(`invalid labels: ${text}`)
    const [, name = '', value = ''] = match
    labels[name] = value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
  }
  return labels
}

/** Sums all series with this name and at least these labels. */
export function sumOf(
  samples: readonly MetricSample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0)
}
