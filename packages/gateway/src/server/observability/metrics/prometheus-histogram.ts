import { Histogram, type HistogramConfiguration, type LabelValues } from 'prom-client'

type Labels = LabelValues<string>

/** What is measured under the same labels. */
export class HistogramSeries {
  /** How many are in each bucket alone; the last is for what is above all bounds. */
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
 * A histogram whose series are held by whoever measures: an observation is two additions, where prom-client's own looks labels up and
 * makes objects each time.
 */
export class PrometheusHistogram<Label extends string> extends Histogram<string> {
  readonly #about: { readonly name: string; readonly help: string }
  readonly #bounds: readonly number[]
  readonly #series: { readonly labels: Labels; readonly series: HistogramSeries }[] = []

  constructor(configuration: HistogramConfiguration<Label> & { readonly buckets: number[] }) {
    super(configuration)
    this.#about = configuration
    this.#bounds = configuration.buckets
  }

  /** A new series; to be asked for once for the same labels. */
  series(labels: LabelValues<Label>): HistogramSeries {
    const series = new HistogramSeries(this.#bounds)
    this.#series.push({ labels, series })
    return series
  }

  /** What the registry reads for its text. */
  async getForPromString() {
    const { name, help } = this.#about
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
    return { metricName: `${this.#about.name}_${part}`, labels, value }
  }
}
