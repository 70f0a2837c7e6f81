import { Histogram, type HistogramConfiguration, type LabelValues } from 'prom-client'

type Labels = LabelValues<string>

/** The observations for one combination of labels. */
export class HistogramSeries {
  /** Observations in each bucket, not cumulative; the last bucket has no upper bound. */
  readonly counts: number[]
  sum = 0

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    let index = 0
    while (index < this.bounds.length && value > (this.bounds[index] as number)) index++
    this.counts[index] = (this.counts[index] as number) + 1
    this.sum += value
  }
}

/**
 * A histogram whose callers keep its series, so that an observation costs only two additions. The
 * histogram of prom-client looks up labels and allocates objects for each observation.
 */
export class PrometheusHistogram<Label extends string> extends Histogram<string> {
  readonly #metric: { readonly name: string; readonly help: string }
  readonly #bounds: readonly number[]
  readonly #series: { readonly labels: Labels; readonly series: HistogramSeries }[] = []

  constructor(configuration: HistogramConfiguration<Label> & { readonly buckets: number[] }) {
    super(configuration)
    this.#metric = configuration
    this.#bounds = configuration.buckets
  }

  /** Creates a series. Call it once for each combination of labels. */
  series(labels: LabelValues<Label>): HistogramSeries {
    const series = new HistogramSeries(this.#bounds)
    this.#series.push({ labels, series })
    return series
  }

  /** Returns the values for the text format; called by the registry. */
  async getForPromString() {
    const { name, help } = this.#metric
    const values = this.#series.flatMap((each) => this.#valuesOf(each))
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }

  #valuesOf({ labels, series }: { readonly labels: Labels; readonly series: HistogramSeries }) {
    let count = 0
    const buckets = series.counts.map((inBucket, index) => {
      count += inBucket
      return this.#value('bucket', { ...labels, le: this.#bounds[index] ?? '+Inf' }, count)
    })
    return [...buckets, this.#value('sum', labels, series.sum), this.#value('count', labels, count)]
  }

  #value(part: 'bucket' | 'sum' | 'count', labels: Labels, value: number) {
    return { metricName: `${this.#metric.name}_${part}`, labels, value }
  }
}
