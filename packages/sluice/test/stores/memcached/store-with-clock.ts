import { type Limit, usesWallTime } from '../../../src/limits/limit.js'
import { CasStore, type MemcachedStore } from '../../../src/stores/memcached/memcached-store.js'
import { MemcachedUrlConnection } from '../../../src/stores/memcached/memcached-url-connection.js'
import { type DecisionClock, ServerClock, TICKS_PER_MS } from '../../../src/stores/memcached/server-clock.js'
import type { Clock } from '../../../src/time/clock.js'

const MONTH = 30 * 86_400

/** Longer than any test, in seconds. */
const HOUR = 3600

/**
 * Returns a store that uses a real server, but decides by a clock that the test controls. `elapsed`
 * returns the simulated time of the server in milliseconds. Keys that have expired by then are
 * deleted, as the server would do. The server itself stores them for longer, because a test may
 * take longer than the time it simulates.
 */
export function storeWithClock(
  port: number,
  clock: Clock,
  elapsed: () => number,
  prefix: string,
): MemcachedStore {
  const connection = new ExpiringConnection(`127.0.0.1:${port}`, elapsed)
  const server = new ServerClock(() => connection.time())
  return new CasStore(connection, prefix, new TestClock(clock, server))
}

/** A clock that the test controls. Only expiry follows the server's clock. */
class TestClock implements DecisionClock {
  constructor(
    private readonly clock: Clock,
    private readonly server: ServerClock,
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

  isSuspect(): boolean {
    return false
  }

  invalidate(): void {
    this.server.invalidate()
  }
}

class ExpiringConnection extends MemcachedUrlConnection {
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
    const duration = durationOf(expiry)
    return this.#record(key, duration, await super.add(key, value, extended(expiry)))
  }

  override async cas(key: string, value: string, cas: string, expiry: number) {
    const duration = durationOf(expiry)
    return this.#record(key, duration, await super.cas(key, value, cas, extended(expiry)))
  }

  #record(key: string, duration: number, stored: boolean): boolean {
    if (stored) this.#ends.set(key, this.elapsed() + duration)
    return stored
  }
}

/**
 * Returns the minimum time for which a key is stored, in milliseconds. It must be called before the
 * write, because a timestamp does not move while a slow write is pending.
 */
function durationOf(expiry: number): number {
  // A timestamp, or a duration whose first second may be almost over.
  return expiry > MONTH ? expiry * 1000 - Date.now() : (expiry - 1) * 1000
}

function extended(expiry: number): number {
  return expiry < 0 ? expiry : Math.max(expiry, HOUR)
}
