import type { Log } from '../../logging/log.js'

/** The interval at which a persistent failure to record is logged. */
const RECORD_ERROR_INTERVAL_MS = 60_000

/** Logs recording failures; repeated failures are logged once per interval. */
export function recordErrorLog(log: Log): (error: unknown) => void {
  let last = { message: '', at: Number.NEGATIVE_INFINITY }
  return (error) => {
    const message = String(error)
    const now = performance.now()
    if (message === last.message && now - last.at < RECORD_ERROR_INTERVAL_MS) return
    last = { message, at: now }
    log.crashed(error)
  }
}
