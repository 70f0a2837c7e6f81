import { type DestinationStream, pino } from 'pino'
import { LineWriter } from './line-writer.js'
import { standardErrorSink } from './standard-error.js'

/** What a gateway tells those who run it, as JSON lines. */
export interface Log {
  /** An upstream gave no answer. A flood of such failures is not a flood of lines: one a second for each cause. */
  upstreamFailed(failure: { route: string; status: number; code: string; detail: string }): void
  /** An error that nobody foresaw. */
  crashed(error: unknown): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Writes a line that another process of the gateway has logged, without its newline. */
  relay?(line: string): void
  /** Lines that were dropped because whoever takes them was too slow, or failed. Undefined where that is not counted. */
  readonly dropped?: number
}

/** A log to the standard error. */
export interface ProcessLog extends Log {
  readonly dropped: number
  /** Settles once all lines are written, or the time is over; with whether all are written. */
  flush(timeoutMs: number): Promise<boolean>
}

/** How often failures of one cause are told, in milliseconds. */
const QUIET_MS = 1000

/**
 * Makes the log of a process, on the standard error, so that the standard output stays for what people read. It never blocks the
 * process, fails or grows without bound: lines that nobody takes are dropped, counted and reported in a later line.
 */
export function createProcessLog(sink = standardErrorSink()): ProcessLog {
  const writer = new LineWriter({
    sink,
    droppedLine: (dropped) =>
      `${JSON.stringify({ level: 40, time: new Date().toISOString(), dropped, msg: 'log lines were dropped: the reader of the log is too slow or failed' })}\n`,
  })
  return Object.defineProperty(
    { ...createLog(writer), dropped: 0, flush: (timeoutMs: number) => writer.flush(timeoutMs) },
    'dropped',
    { get: () => writer.dropped, enumerable: true },
  )
}

/** @param to where it writes; by default the standard error */
export function createLog(
  to: DestinationStream = new LineWriter({ sink: standardErrorSink() }),
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
    relay: (line) => to.write(`${line}\n`),
  }
}
