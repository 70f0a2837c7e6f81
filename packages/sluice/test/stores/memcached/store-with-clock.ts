import { type Limit, usesWallTime } from '../../../src/limits/limit.js'
import { CasStore, type MemcachedStore } from '../../../src/stores/memcached/memcached-store.js'
import { type DecisionClock, ServerTime, TICKS_PER_MS } from '../../../src/stores/memcached/server-clock.js'
import { UrlConnection } from '../../../src/stores/memcached/url-connection.js'
import type { Clock } from '../../../src/time/clock.js'

const MONTH = 30 * 86_400

/** Longer than any test, in seconds. */
const HOUR = 3600

/**
 * A store over a real server that decides by a clock of the test. `elapsed` says how many milliseconds have gone by
 * for the server: what has expired by then is thrown away, as the server would have done. The server itself keeps it
 * for longer, because a test may take longer than the time that it plays.
 */
export function storeWithClock(
  port: number,
  clock: Clock,
  elapsed: () => number,
  prefix: string,
): MemcachedStore {
  const connection = new ExpiringConnection(`127.0.0.1:${port}`, elapsed)
  const server = new ServerTime(() => connection.time())
  return new CasStore(connection, prefix, new GivenTime(clock, server))
}

/** A clock that was handed in, as it is; only expiry goes by the server's. */
class GivenTime implements DecisionClock {
  constructor(
    private readonly clock: Clock,
    private readonly server: ServerTime,
  ) {}

  ready(): Promise<void> {
    return this.server.ready()
  }

  timeFor(limit: Limit): number {
    const now = usesWallTime(limit) ? this.clock.wallTime() : this.clock.now()
    return Math.floor(now * TICKS_PER_MS) / TICKS_PER_MS
  }

  latestServerTime(): number {
    return this.server.latestServerTime()
  }

  doubts(): boolean {
    return false
  }

  mistrust(): void {
    this.server.mistrust()
  }
}

class ExpiringConnection extends UrlConnection {
  readonly #ends = new Map<string, number>()

  constructor(
    server: string,
    private readonly elapsed: () => number,
  ) {
    super(server)
  }

  override async gets(key: string) {
    if (this.elapsed() >= (this.#ends.get(key) ?? Number.POSITIVE_INFINITY)) await this.delete(key)
    return super.gets(key)
  }

  override async add(key: string, value: string, expiry: number) {
    return this.#noted(key, expiry, await super.add(key, value, lengthened(expiry)))
  }

  override async cas(key: string, value: string, cas: string, expiry: number) {
    return this.#noted(key, expiry, await super.cas(key, value, cas, lengthened(expiry)))
  }

  #noted(key: string, expiry: number, stored: boolean): boolean {
    // A date; or a length, of whose first second all may have been over already.
    const lasts = expiry > MONTH ? expiry * 1000 - Date.now() : (expiry - 1) * 1000
    if (stored) this.#ends.set(key, this.elapsed() + lasts)
    return stored
  }
}

function lengthened(expiry: number): number {
  return expiry < 0 ? expiry : Math.max(expiry, HOUR)
}
