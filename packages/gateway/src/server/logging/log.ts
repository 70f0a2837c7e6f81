import { type DestinationStream, pino } from 'pino'
import { LineWriter } from './line-writer.js'
import { formatted, type LogFormat, logFormat, readableLine } from './readable-lines.js'
import { standardErrorSink } from './standard-error.js'

/** The log of a gateway: lines of JSON, or readable lines on a terminal. */
export interface Log {
  /** Logs that an upstream did not respond, at most once per second for each error code. */
  upstreamFailed(failure: {
    route: string
    status: number
    code: string
    detail: string
    requestId: string
  }): void
  /** Logs an unexpected error. */
  crashed(error: unknown, fields?: object): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Writes a line that another process of the gateway logged. @param line without its newline */
  relay?(line: string): void
  /**
   * Number of lines dropped because the reader was too slow or failed; undefined if not counted.
   */
  readonly dropped?: number
}

/** A log to standard error. */
export interface ProcessLog extends Log {
  readonly dropped: number
  /**
   * Waits until all lines are written or the timeout expires.
   *
   * @returns whether all lines are written
   */
  flush(timeoutMs: number): Promise<boolean>
}

/** Minimum interval between log lines of failures with the same code. */
const FAILURE_INTERVAL_MS = 1000

/**
 * Creates the log of a process. It writes to standard error, which leaves standard output to
 * messages for people. It never blocks the process, fails, or grows without bound: lines that are
 * not read in time are dropped, counted, and reported in a later line.
 */
export function createProcessLog(sink = standardErrorSink(), format: LogFormat = logFormat()): ProcessLog {
  const writer = new LineWriter({
    sink,
    droppedLine(dropped) {
      const msg = 'log lines were dropped: the reader of the log is too slow or has failed'
      const line = `${JSON.stringify({ level: 40, time: new Date().toISOString(), dropped, msg })}\n`
      return format === 'json' ? line : readableLine(line, format === 'colored')
    },
  })
  return Object.defineProperty(
    {
      ...createLog(formatted(writer, format)),
      dropped: 0,
      flush: (timeoutMs: number) => writer.flush(timeoutMs),
    },
    'dropped',
    { get: () => writer.dropped, enumerable: true },
  )
}

/**
 * Creates a log that writes JSON lines.
 *
 * @param destination default: standard error
 */
export function createLog(
  destination: DestinationStream = new LineWriter({ sink: standardErrorSink() }),
  now: () => number = () => performance.now(),
): Log {
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  const failures = new Map<string, { loggedAt: number; unlogged: number }>()
  return {
    upstreamFailed(failure) {
      const last = failures.get(failure.code)
      if (last !== undefined && now() - last.loggedAt < FAILURE_INTERVAL_MS) {
        last.unlogged++
        return
      }
      failures.set(failure.code, { loggedAt: now(), unlogged: 0 })
      logger.warn({ ...failure, untold: last?.unlogged ?? 0 }, 'upstream failed')
    },
    crashed(error, fields) {
      logger.error({ err: error, ...fields }, 'unexpected error')
    },
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    relay: (line) => destination.write(`${line}\n`),
  }
}
