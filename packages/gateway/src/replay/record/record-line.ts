const NEWLINE = 10
const COMMA = 44
/** Start of the line of a request; the first line of a file differs. */
const TIME_PREFIX = '{"time":'

/** Returns the position after the line that starts at `at`; 0 if the line is incomplete. */
export function lineEnd(lines: Buffer, at: number): number {
  return lines.indexOf(NEWLINE, at) + 1
}

/** Returns the position after the last complete line; 0 if there is none. */
export function lastLineEnd(lines: Buffer): number {
  return lines.lastIndexOf(NEWLINE) + 1
}

/**
 * Returns the time of the request in the line that starts at `at`, in epoch milliseconds; undefined
 * if the line is not a request.
 */
export function timeOf(lines: Buffer, at: number): number | undefined {
  if (lines.toString('latin1', at, at + TIME_PREFIX.length) !== TIME_PREFIX) return undefined
  const start = at + TIME_PREFIX.length
  const time = Number(lines.toString('latin1', start, lines.indexOf(COMMA, start)))
  return Number.isNaN(time) ? undefined : time
}
