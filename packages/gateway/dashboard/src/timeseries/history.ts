import type { Sample } from '../../../src/server/admin/api/live-samples.js'

/** As far back as the plots go. */
const LONGEST = 900

/** The samples of the last 15 minutes, oldest first. A new object for each change, so that what is worked out from it can be kept. */
export class History {
  static readonly empty = new History([])

  private constructor(readonly samples: readonly Sample[]) {}

  static of(samples: readonly Sample[]): History {
    return new History(samples.slice(-LONGEST))
  }

  /** A sample that is not later than the last one is a repetition after a reconnection. */
  with(sample: Sample): History {
    const last = this.samples.at(-1)
    if (last !== undefined && sample.at <= last.at) return this
    const horizon = sample.at - LONGEST * 1000
    return new History([...this.samples.filter(({ at }) => at > horizon), sample])
  }

  /** The samples of the last seconds before the newest one, that one included. */
  lastSeconds(seconds: number): readonly Sample[] {
    const newest = this.samples.at(-1)
    if (newest === undefined) return []
    const from = this.samples.findIndex(({ at }) => at > newest.at - seconds * 1000)
    return this.samples.slice(from)
  }
}
