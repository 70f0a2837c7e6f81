/** The interval at which a worker is checked. Workers report their load at the same interval. */
const CHECK_INTERVAL_MS = 1000

/** Number of consecutive checks that a worker may be silent before it counts as hung. */
const MAX_SILENT_CHECKS = 10

/**
 * Detects a hung worker, which has sent nothing for about 10 seconds.
 *
 * It counts checks instead of time. A primary that was suspended runs its timers before it reads
 * the messages of its workers, so a clock would make all workers seem silent.
 */
export class SilenceWatch {
  #silentChecks = 0
  readonly #timer: NodeJS.Timeout

  /** @param onSilent called once */
  constructor(onSilent: () => void) {
    this.#timer = setInterval(() => {
      if (++this.#silentChecks <= MAX_SILENT_CHECKS) return
      this.stop()
      onSilent()
    }, CHECK_INTERVAL_MS).unref()
  }

  /** Called for every message from the worker. */
  onMessage(): void {
    this.#silentChecks = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
