import type { Sample } from '../../../src/server/admin/api/live-samples.js'

/** Longest history, in seconds. */
const MAX_SECONDS = 900

/** The samples of the last 15 minutes, oldest first. Immutable, so that results can be cached. */
export class History {
  static readonly empty = new History([])

  private constructor(readonly samples: readonly Sample[]) {}

  static of(samples: readonly Sample[]): History {
    return new History(samples.slice(-MAX_SECONDS))
  }

  /** Ignores a sample that is not later than the last one: it repeats after a reconnect. */
  with(sample: Sample): History {
    const last = this.samples.at(-1)
    if (last !== undefined && sample.at <= last.at) return this
    const horizon = sample.at - MAX_SECONDS * 1000
    return new History([...this.samples.filter(({ at }) => at > horizon), sample])
  }

  /** The samples of the last seconds, up to and including the newest one. */
  lastSeconds(seconds: number): readonly Sample[] {
    const newest = this.samples.at(-1)
    if (newest === undefined) return []
    const from = this.samples.findIndex(({ at }) => at > newest.at - seconds * 1000)
    return this.samples.slice(from)
  }
}
