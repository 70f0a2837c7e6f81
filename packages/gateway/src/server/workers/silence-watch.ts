/** How often a worker is checked, in milliseconds. A worker reports its load as often. */
const CHECK_INTERVAL_MS = 1000

/** Checks in a row that find a worker silent before it counts as hung. */
const MAX_SILENT_CHECKS = 10

/**
 * Finds out that a worker hangs: it has sent nothing for about 10 seconds.
 *
 * Checks are counted instead of time. A primary that was suspended runs its timers before it reads what its workers have sent
 * meanwhile, and by its clock all of them would have been silent.
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

  /** Notes that the worker has sent something. */
  heard(): void {
    this.#silentChecks = 0
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
