import { SpaceSaving } from '../../observability/metrics/space-saving.js'
import type { Talker, Talkers } from '../api/live-types.js'

/** Counters of each list and window. */
const COUNTERS = 500
/** How many are shown of each list. */
const SHOWN = 20
/** In milliseconds. */
const WINDOW = 10 * 60_000

/** Who sends most, and who is refused most, in the last 10 to 20 minutes. */
export class TopTalkers {
  readonly #heaviest = new RecentCounts()
  readonly #refused = new RecentCounts()

  /** @param now in milliseconds of a clock that is never set back */
  decided(client: string, allowed: boolean, now: number): void {
    this.#heaviest.add(client, now)
    if (!allowed) this.#refused.add(client, now)
  }

  read(now: number): Talkers {
    return {
      heaviest: this.#heaviest.top(now),
      refused: this.#refused.top(now),
      error: `Of the last 10 to 20 minutes. A count is never too low, and too high by at most its error: a ${COUNTERS}th of all, or less.`,
    }
  }
}

/** Counts of the window that runs and of the one before. */
class RecentCounts {
  #current = new SpaceSaving(COUNTERS)
  #before = new SpaceSaving(COUNTERS)
  #begun = Number.NEGATIVE_INFINITY

  add(key: string, now: number): void {
    this.#turn(now)
    this.#current.add(key)
  }

  /** Those that came most often for sure come first. */
  top(now: number): Talker[] {
    this.#turn(now)
    const windows = [this.#current, this.#before]
    const keys = new Set(windows.flatMap((window) => window.keys))
    const sums = [...keys].map((client) => {
      const counts = windows.map((window) => window.countOf(client))
      return {
        client,
        count: counts.reduce((sum, { count }) => sum + count, 0),
        error: counts.reduce((sum, { error }) => sum + error, 0),
      }
    })
    return sums.sort((a, b) => b.count - b.error - (a.count - a.error) || b.count - a.count).slice(0, SHOWN)
  }

  #turn(now: number): void {
    const passed = now - this.#begun
    if (passed < WINDOW) return
    this.#before = passed < 2 * WINDOW ? this.#current : new SpaceSaving(COUNTERS)
    this.#current = new SpaceSaving(COUNTERS)
    this.#begun = now
  }
}
