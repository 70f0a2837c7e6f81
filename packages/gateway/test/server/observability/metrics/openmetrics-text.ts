/** A sample of the OpenMetrics format. */
export interface OpenSample {
  readonly family: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number }
}

/** The suffixes of samples, and whether they may have exemplars, by the type of their family. */
const SUFFIXES: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  counter: { _total: true },
  gauge: { '': false },
  histogram: { _bucket: true, _count: false, _sum: false },
  info: { _info: false },
}

const LABELS = String.raw`\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\}`
const NUMBER = String.raw`([-+]?(?:Inf|\d+(?:\.\d+)?(?:e[-+]?\d+)?)|NaN)`
const SAMPLE = new RegExp(
  String.raw`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:${LABELS})? ${NUMBER}(?: # ${LABELS} ${NUMBER}(?: (\d+(?:\.\d+)?))?)?$`,
)

/** Parses OpenMetrics 1.0 strictly. Throws at the first violation. */
export function parseOpenMetrics(text: string): OpenSample[] {
  if (!text.endsWith('\n# EOF\n')) throw new Error('the text does not end with # EOF')
  const samples: OpenSample[] = []
  const types = new Map<string, string>()
  const seen = new Set<string>()
  let family = ''
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (keyword !== undefined) {
      if (name !== family && types.has(name)) throw new Error(`family ${name} is interleaved`)
      family = name
      if (keyword === 'TYPE') {
        if (SUFFIXES[rest] === undefined) throw new Error(`unknown type ${rest}`)
        types.set(name, rest)
      }
      continue
    }
    const sample = readSample(line, family, types.get(family) ?? 'unknown')
    const key = `${sample.name}${JSON.stringify(sample.labels)}`
    if (seen.has(key)) throw new Error(`duplicate series: ${line}`)
    seen.add(key)
    samples.push(sample)
  }
  checkBuckets(samples)
  return samples
}

function readSample(line: string, family: string, type: string): OpenSample {
  const match = SAMPLE.exec(line)
  if (match === null) throw new Error(`not a sample: ${line}`)
  const [, name = '', labels = '', value = '', exemplarLabels, exemplarValue = ''] = match
  const suffix = name.startsWith(family) ? name.slice(family.length) : undefined
  const mayHaveExemplar = suffix === undefined ? undefined : SUFFIXES[type]?.[suffix]
  if (mayHaveExemplar === undefined) throw new Error(`${name} is not a sample of the ${type} ${family}`)
  const sample = { family, name, labels: labelsOf(labels), value: numberOf(value) }
  if (exemplarLabels === undefined) return sample
  if (!mayHaveExemplar) throw new Error(`an exemplar is not allowed here: ${line}`)
  const exemplar = { labels: labelsOf(exemplarLabels), value: numberOf(exemplarValue) }
  if (Object.entries(exemplar.labels).flat().join('').length > 128)
    throw new Error(`exemplar too long: ${line}`)
  if (suffix === '_bucket' && exemplar.value > numberOf(sample.labels.le ?? 'NaN'))
    throw new Error(`the exemplar belongs to another bucket: ${line}`)
  return { ...sample, exemplar }
}

/** Checks that the buckets of each histogram are cumulative, end at +Inf and agree with the count. */
function checkBuckets(samples: readonly OpenSample[]): void {
  let last = { bound: Number.NEGATIVE_INFINITY, count: 0 }
  for (const { family, name, labels, value } of samples) {
    if (name === `${family}_bucket`) {
      const bound = numberOf(labels.le ?? 'NaN')
      if (!/\.|e|Inf/.test(labels.le ?? '')) throw new Error(`bound is not canonical: ${labels.le}`)
      if (!(bound > last.bound && value >= last.count))
        throw new Error(`buckets of ${family} are out of order`)
      last = { bound, count: value }
    } else if (name === `${family}_count`) {
      if (last.bound !== Number.POSITIVE_INFINITY || last.count !== value)
        throw new Error(`the count of ${family} differs from its last bucket`)
      last = { bound: Number.NEGATIVE_INFINITY, count: 0 }
    }
  }
}

function labelsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)]
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [
      name,
      value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped)),
    ]),
  )
}

function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}
