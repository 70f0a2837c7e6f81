import type { Exemplar, Labels, MetricFamily, MetricType, Sample } from './exposition.js'

export interface MetricOptions<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly Label[]
}

/**
 * A metric whose values are set when the metrics are read. Without labels, it is 0 until it is set.
 *
 * The names of counters must end in `_total`, and those of infos in `_info`.
 */
export class Metric<Label extends string = never> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  #samples: Sample[] = []

  constructor(
    readonly type: Exclude<MetricType, 'histogram'>,
    { name, help, labelNames = [] }: MetricOptions<Label>,
  ) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
  }

  /** Removes all values. */
  clear(): void {
    this.#samples = []
  }

  /** Sets the only value of a metric without labels. */
  setTo(value: number): void {
    this.#samples = [{ labels: {}, value }]
  }

  /** Adds a series. Call it once for each combination of labels after `clear`. */
  add(labels: Readonly<Record<Label, string>>, value: number, exemplar?: Exemplar): void {
    this.#samples.push({ labels, value, exemplar })
  }

  family(): MetricFamily {
    const { name, help, type } = this
    const isUnset = this.labelNames.length === 0 && this.#samples.length === 0
    return { name, help, type, samples: isUnset ? [{ labels: {}, value: 0 }] : this.#samples }
  }
}

/** The most recent request that was counted. Reused, so that counting allocates nothing. */
export class LastExemplar {
  #requestId: string | undefined
  #traceId: string | undefined
  #value = 0
  #at = 0

  /** Does nothing without an ID. */
  set(value: number, requestId: string | undefined, traceId?: string | undefined): void {
    if (requestId === undefined) return
    this.#requestId = requestId
    this.#traceId = traceId
    this.#value = value
    this.#at = Date.now()
  }

  /** Undefined before the first request. */
  get exemplar(): Exemplar | undefined {
    if (this.#requestId === undefined) return undefined
    const labels = {
      request_id: this.#requestId,
      ...(this.#traceId !== undefined && { trace_id: this.#traceId }),
    }
    return { labels, value: this.#value, at: this.#at }
  }
}

/** The observations for one combination of labels. */
export class HistogramSeries {
  /** Observations in each bucket, not cumulative; the last bucket has no upper bound. */
  readonly counts: number[]
  sum = 0
  /** The exemplar of each bucket; empty if observations have no request. */
  readonly exemplars: (LastExemplar | undefined)[] = []

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number, requestId?: string | undefined, traceId?: string | undefined): void {
    let index = 0
    while (index < this.bounds.length && value > (this.bounds[index] as number)) index++
    this.counts[index] = (this.counts[index] as number) + 1
    this.sum += value
    if (requestId === undefined) return
    let exemplar = this.exemplars[index]
    if (exemplar === undefined) {
      exemplar = new LastExemplar()
      this.exemplars[index] = exemplar
    }
    exemplar.set(value, requestId, traceId)
  }
}

/**
 * A histogram whose callers keep its series, so that an observation costs two additions and no
 * allocation.
 */
export class HistogramMetric<Label extends string> {
  readonly type = 'histogram'
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly #bounds: readonly number[]
  #series: { readonly labels: Labels; readonly series: Observations }[] = []

  constructor({
    name,
    help,
    labelNames = [],
    buckets,
  }: MetricOptions<Label> & { readonly buckets: readonly number[] }) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
    this.#bounds = buckets
  }

  /** Creates a series. Call it once for each combination of labels. */
  series(labels: Readonly<Record<Label, string>>): HistogramSeries {
    const series = new HistogramSeries(this.#bounds)
    this.#series.push({ labels, series })
    return series
  }

  /** Removes all series. */
  clear(): void {
    this.#series = []
  }

  /** Adds a series that was observed elsewhere, with the same buckets. */
  add(labels: Readonly<Record<Label, string>>, series: Observations): void {
    this.#series.push({ labels, series })
  }

  family(): MetricFamily {
    const { name, help, type } = this
    return { name, help, type, samples: this.#series.flatMap((each) => this.#samplesOf(each)) }
  }

  #samplesOf({ labels, series }: { readonly labels: Labels; readonly series: Observations }): Sample[] {
    let count = 0
    const buckets = series.counts.map((inBucket, index): Sample => {
      count += inBucket
      const le = String(this.#bounds[index] ?? '+Inf')
      const exemplar = series.exemplars?.[index]?.exemplar
      return { suffix: '_bucket', labels: { ...labels, le }, value: count, exemplar }
    })
    return [
      ...buckets,
      { suffix: '_sum', labels, value: series.sum },
      { suffix: '_count', labels, value: count },
    ]
  }
}

/** The parts of a series that are exported. */
export type Observations = Pick<HistogramSeries, 'counts' | 'sum'> &
  Partial<Pick<HistogramSeries, 'exemplars'>>
