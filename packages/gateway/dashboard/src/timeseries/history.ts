import type { Sample } from '../../../src/server/admin/api/live-samples.js'

/** Maximum length of the history, in seconds. */
const MAX_SECONDS = 900

/** The samples of the last 15 minutes, oldest first. Immutable, so that results can be cached. */
export class History {
  static readonly empty = new History([])

  private constructor(readonly samples: readonly Sample[]) {}

  static of(samples: readonly Sample[]): History {
    return new History(samples.slice(-MAX_SECONDS))
  }

  /** Appends a sample. Samples that repeat after a reconnect are ignored. */
  with(sample: Sample): History {
    const last = this.samples.at(-1)
    if (last !== undefined && sample.at <= last.at) return this
    const horizon = sample.at - MAX_SECONDS * 1000
    return new History([...this.samples.filter(({ at }) => at > horizon), sample])
  }

  /** Returns the samples of the last `seconds` seconds, up to and including the newest one. */
  lastSeconds(seconds: number): readonly Sample[] {
    const newest = this.samples.at(-1)
    if (newest === undefined) return []
    const from = this.samples.findIndex(({ at }) => at > newest.at - seconds * 1000)
    return this.samples.slice(from)
  }
}

const MINUTE_MS = 60_000

/**
 * Joins the samples of minutes with those of the last seconds, without counting anything twice.
 *
 * @param minutes oldest first; `at` is the start of each
 * @param seconds oldest first
 */
export function joinSamples(minutes: readonly Sample[], seconds: readonly Sample[]): readonly Sample[] {
  const first = seconds[0]
  const lastMinute = minutes.at(-1)
  if (first === undefined || lastMinute === undefined) return first === undefined ? minutes : seconds
  // The first second may be in the middle of a minute, which is shown as a whole if it is known.
  const boundary = Math.min(Math.ceil(first.at / MINUTE_MS) * MINUTE_MS, lastMinute.at + MINUTE_MS)
  return [...minutes.filter(({ at }) => at < boundary), ...seconds.filter(({ at }) => at >= boundary)]
}
