/** A second signal within this time of the first, in milliseconds, is the same one: npm passes on what a terminal has sent already. */
const SAME_SIGNAL_MS = 1000

/** How often it is checked whether the parent process has ended, in milliseconds. */
const PARENT_INTERVAL_MS = 500

/**
 * Settles with the reason to stop: SIGTERM, SIGINT, or the end of the shell in which npm started this process, which npm's signals
 * end without passing them on. After that, another signal ends the process at once.
 */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined
    const onSignal = (signal: string) => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now()
        resolve(signal)
      } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) process.exit(1)
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
    if (process.env.npm_config_user_agent === undefined) return
    const parent = process.ppid
    const watch = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(watch)
      if (stoppedAt === undefined) onSignal('end of the parent process')
    }, PARENT_INTERVAL_MS).unref()
  })
}
