import type { Labels } from 'sluice'
import type { CallWork } from '../../policy/llm/work.js'

/** What a gateway knew of a model call. */
export interface RecordedCall extends CallWork {
  /** The input tokens that were reserved, if the call used others. */
  readonly input?: number
  /** The answers without a maximum output, if there were several. */
  readonly answers?: number
  /** Identifies the prices of `money`. */
  readonly priceId?: string
}

/** One request of a trace. Fields that were not recorded are undefined. */
export interface TraceRequest {
  /** Time of arrival, in milliseconds since the origin of the trace. */
  readonly at: number
  /** The authenticated client. */
  readonly client: string | undefined
  /**
   * Number of the sender, identified by client or otherwise by address; -1 if there are too many
   * senders.
   */
  readonly sender: number
  readonly tier: string | undefined
  readonly ip: string | undefined
  /** In upper case. */
  readonly method: string | undefined
  /** Path and query as sent. */
  readonly target: string | undefined
  /** Headers by name in lower case. */
  readonly headers: Readonly<Record<string, string>> | undefined
  /** Input tokens; a whole number from 0. */
  readonly input: number | undefined
  /** Output tokens; a whole number from 0. */
  readonly output: number | undefined
  /** Input tokens served from a cache of the upstream. */
  readonly cached: number | undefined
  /** Requested maximum of output tokens, over all completions. */
  readonly maxOutput: number | undefined
  /** Cost under rules whose cost cannot be computed from the other fields. */
  readonly cost: number | undefined
  /** The model of a call; an empty string if the call named none. */
  readonly model: string | undefined
  /** What the call was charged, in units of 10^-9 of `currency`. */
  readonly money: number | undefined
  /** Undefined for that of the replay. */
  readonly currency: string | undefined
  /** What a gateway records beyond the fields of a trace. */
  readonly call: RecordedCall | undefined
  /** The labels of the client that rules use. */
  readonly labels: Labels | undefined
  /** Costs by rule name, which take precedence over `cost`. */
  readonly costs: Readonly<Record<string, number>> | undefined
  /** Time from admission to the end of the response, in milliseconds. */
  readonly duration: number | undefined
}

/**
 * An unreadable line of a trace. The message gives the reason and quotes at most a few characters.
 */
export class BadLineError extends Error {
  override readonly name = 'BadLineError'
}

/**
 * Thrown if an invalid trace or option prevents the replay. The message says what would be valid.
 */
export class TraceError extends Error {
  override readonly name = 'TraceError'
}

/** Quotes a string, shortened for a message. */
export function quoteShortened(text: string): string {
  const plain = printable(text)
  return plain.length > 40 ? `'${plain.slice(0, 40)}…'` : `'${plain}'`
}

/** Replaces control characters, which a terminal would interpret. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '?')
}
