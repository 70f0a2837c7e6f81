import { SpaceSaving } from '../../observability/metrics/space-saving.js'
import type { TopClient, TopClients } from '../api/client-status.js'

/** Number of counters per list and window. */
const COUNTERS = 500
/** Maximum number of clients shown in each list. */
const MAX_SHOWN = 20
const WINDOW_MS = 10 * 60_000
/** The beginning of the names of forgotten clients. No label of a client begins with it. */
const FORGOTTEN = '\0'

/** Finds the clients with the most requests and refusals in the last 10 to 20 minutes. */
export class TopClientCounter {
  readonly #requests = new WindowedCounts()
  readonly #refused = new WindowedCounts()

  /** @param now milliseconds of a monotonic clock */
  record(client: string, allowed: boolean, now: number): void {
    this.#requests.add(client, now)
    if (!allowed) this.#refused.add(client, now)
  }

  /** Removes a client from the lists. */
  forget(client: string): void {
    this.#requests.forget(client)
    this.#refused.forget(client)
  }

  read(now: number): TopClients {
    return {
      heaviest: this.#requests.top(now),
      refused: this.#refused.top(now),
      error: `Last 10 to 20 minutes. Counts are exact, or too high by at most the number after the minus sign (never more than 1/${COUNTERS} of all requests).`,
    }
  }
}

/** Counts of the current and the previous window. */
class WindowedCounts {
  #current = new SpaceSaving(COUNTERS)
  #previous = new SpaceSaving(COUNTERS)
  #startedAt = Number.NEGATIVE_INFINITY
  /** Number of names given to forgotten keys. */
  #forgotten = 0

  add(key: string, now: number): void {
    this.#rotate(now)
    this.#current.add(key)
  }

  /** Returns the keys with the highest counts, ordered by the lower bound of each count. */
  top(now: number): TopClient[] {
    this.#rotate(now)
    const windows = [this.#current, this.#previous]
    const all = windows.flatMap((window) => window.keys)
    const keys = new Set(all.filter((key) => !key.startsWith(FORGOTTEN)))
    const sums = [...keys].map((client) => {
      const counts = windows.map((window) => window.countOf(client))
      return {
        client,
        count: counts.reduce((sum, { count }) => sum + count, 0),
        error: counts.reduce((sum, { error }) => sum + error, 0),
      }
    })
    return sums
      .sort((a, b) => b.count - b.error - (a.count - a.error) || b.count - a.count)
      .slice(0, MAX_SHOWN)
  }

  forget(key: string): void {
    for (const window of [this.#current, this.#previous])
      window.rename(key, `${FORGOTTEN}${this.#forgotten++}`)
  }

  #rotate(now: number): void {
    const elapsed = now - this.#startedAt
    if (elapsed < WINDOW_MS) return
    this.#previous = elapsed < 2 * WINDOW_MS ? this.#current : new SpaceSaving(COUNTERS)
    this.#current = new SpaceSaving(COUNTERS)
    this.#startedAt = now
  }
}
