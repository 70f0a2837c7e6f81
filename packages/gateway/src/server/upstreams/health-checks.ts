import type { UpstreamGroup } from './upstream-group.js'

/** Maximum duration of a check. */
const MAX_CHECK_MS = 5000

interface CheckedAddress {
  readonly group: UpstreamGroup
  readonly check: NonNullable<UpstreamGroup['check']>
  readonly address: UpstreamGroup['addresses'][number]
}

/** Checks the addresses of upstreams at their intervals. A check never overlaps with the next. */
export class HealthChecks {
  readonly #timers: NodeJS.Timeout[] = []
  readonly #stopped = new AbortController()

  constructor(groups: Iterable<UpstreamGroup>) {
    for (const group of groups)
      for (const address of group.addresses)
        if (group.check !== undefined) this.#start({ group, check: group.check, address })
  }

  /** Ends all checks, including those in progress, whose results are ignored. */
  stop(): void {
    this.#stopped.abort()
    for (const timer of this.#timers) clearInterval(timer)
  }

  #start(checked: CheckedAddress): void {
    let isRunning = false
    const run = async () => {
      if (isRunning) return
      isRunning = true
      await this.#check(checked)
      isRunning = false
    }
    this.#timers.push(setInterval(() => void run(), checked.check.everyMs).unref())
    void run()
  }

  async #check({ group, check, address }: CheckedAddress): Promise<void> {
    const deadline = AbortSignal.timeout(Math.min(check.everyMs, MAX_CHECK_MS))
    const signal = AbortSignal.any([deadline, this.#stopped.signal])
    let isHealthy = false
    try {
      const { statusCode, body } = await address.pool.dispatcher.request({
        method: 'GET',
        path: check.path,
        headers: Object.fromEntries(group.headers),
        signal,
      })
      await body.dump({ limit: MAX_BODY_BYTES, signal })
      isHealthy = statusCode < 400
    } catch {
      // The address cannot be reached, or it is too slow.
    }
    if (!this.#stopped.signal.aborted) group.onCheck(address, isHealthy)
  }
}

/** Maximum number of bytes that are read from the response to a check. */
const MAX_BODY_BYTES = 65_536
