import type { Sample } from '../api/live-samples.js'
import { forgetInSample } from './forget-in-sample.js'

/** Maximum number of samples: 24 hours at one per minute. */
const MAX_SAMPLES = 1440

/**
 * The traffic of the last 24 hours, one sample per minute. A sample takes about 1 KB for each route
 * with traffic in that minute and at most 15 KB, so the history takes at most about 20 MB.
 */
export class TrafficHistory {
  /** Samples as JSON, oldest first. */
  #samples: { readonly at: number; readonly json: string }[] = []

  add(sample: Sample): void {
    this.#samples.push({ at: sample.at, json: JSON.stringify(sample) })
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift()
  }

  /** Counts the tokens of a client with those of the others. */
  forgetClient(client: string): void {
    this.#samples = this.#samples.map(({ at, json }) => ({ at, json: forgetInSample(json, client) }))
  }

  /**
   * Returns the samples of the minutes that start at `from` or later, as a JSON array.
   *
   * @param from epoch milliseconds
   */
  since(from: number): string {
    const samples = this.#samples.flatMap(({ at, json }) => (at >= from ? [json] : []))
    return `[${samples.join(',')}]`
  }
}
