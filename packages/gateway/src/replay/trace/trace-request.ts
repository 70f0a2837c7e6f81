/** One request of a recorded load. What was not recorded is undefined. */
export interface TraceRequest {
  /** When it came, in milliseconds since the trace's origin. */
  readonly at: number
  /** Who sent it, by its credentials. */
  readonly client: string | undefined
  /** Who sent it as a number, by the client or else the address; -1 where too many are told apart. */
  readonly sender: number
  readonly tier: string | undefined
  readonly ip: string | undefined
  /** In upper case. */
  readonly method: string | undefined
  /** Path and query, as they were sent. */
  readonly target: string | undefined
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>> | undefined
  /** Tokens; whole numbers, zero or more. */
  readonly input: number | undefined
  readonly output: number | undefined
  /** Input tokens that came from a cache of the upstream. */
  readonly cached: number | undefined
  /** The most output that the request asked for, all its answers together. */
  readonly maxOutput: number | undefined
  /** What it takes of rules whose cost cannot be worked out from what else is recorded. */
  readonly cost: number | undefined
  /** The same by the name of the rule, which goes before `cost`. */
  readonly costs: Readonly<Record<string, number>> | undefined
  /** From its admission to the end of its answer, in milliseconds. */
  readonly duration: number | undefined
}

/** A line of a trace that cannot be read. The message says why, without repeating more of it than a few characters. */
export class BadLineError extends Error {
  override readonly name = 'BadLineError'
}

/** A trace that cannot be replayed at all. The message says what would be right. */
export class TraceError extends Error {
  override readonly name = 'TraceError'
}

/** A piece of what somebody wrote, short enough for a message. */
export function shown(text: string): string {
  const plain = printable(text)
  return plain.length > 40 ? `'${plain.slice(0, 40)}…'` : `'${plain}'`
}

/** A trace may have anything in it, and a terminal does what it is told. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '?')
}
