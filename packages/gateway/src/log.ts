import { type DestinationStream, pino } from 'pino'

/** What a gateway tells those who run it, as JSON lines. */
export interface Log {
  /** An upstream gave no answer. A flood of such failures is not a flood of lines: one a second for each cause. */
  upstreamFailed(failure: { route: string; status: number; code: string; detail: string }): void
  /** An error that nobody foresaw. */
  crashed(error: unknown): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How often failures of one cause are told, in milliseconds. */
const QUIET_MS = 1000

/** @param to where it writes; by default the standard error, so that the standard output stays for what people read */
export function createLog(
  to: DestinationStream = pino.destination({ fd: 2, sync: true }),
  now: () => number = () => performance.now(),
): Log {
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, to)
  const told = new Map<string, { at: number; untold: number }>()
  return {
    upstreamFailed(failure) {
      const last = told.get(failure.code)
      if (last !== undefined && now() - last.at < QUIET_MS) {
        last.untold++
        return
      }
      told.set(failure.code, { at: now(), untold: 0 })
      logger.warn({ ...failure, untold: last?.untold ?? 0 }, 'the upstream failed')
    },
    crashed(error) {
      logger.error({ err: error }, 'an unforeseen error')
    },
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
