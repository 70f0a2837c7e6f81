import type { LineReader } from './line-reader.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps } from './timestamps.js'
import { nameOf, targetOf } from './trace-fields.js'
import { BadLineError, type TraceRequest } from './trace-request.js'

/** Address, identity, user, time, request line, status, bytes; then any other fields. */
const LINE = /^(\S+) \S+ (\S+) \[([^\]]{20,40})\] "((?:[^"\\]|\\.)*)" (\d{3}) \S+(.*)$/

/**
 * A field after the byte count: a word, a quoted string, or a name with either, as in `rt=0.245`
 * and `uct="0.001"`. Client input is always quoted.
 */
const FIELD = /\s+(?:([\w.-]+)[=:])?(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/y

/** Seconds in the format of nginx's `$request_time`. */
const SECONDS = /^\d{1,7}\.\d{1,6}$/

/** Quoted fields with client input: referer and user agent. */
const CLIENT_FIELDS = 2

/**
 * Parses the duration of the request, in seconds, if the line ends with it: as a word, as a named
 * field, or quoted after the referer and the user agent. Returns undefined if the line ends with
 * anything else, or within a field.
 */
function secondsOf(rest: string): number | undefined {
  const end = rest.trimEnd().length
  let quoted = 0
  let last: string | undefined
  FIELD.lastIndex = 0
  for (let match: RegExpExecArray | null; FIELD.lastIndex < end; ) {
    match = FIELD.exec(rest)
    if (match === null) return undefined
    const [, name, inQuotes, word] = match
    const isClientInput = inQuotes !== undefined && name === undefined && quoted++ < CLIENT_FIELDS
    last = isClientInput ? undefined : (inQuotes ?? word)
  }
  return last !== undefined && SECONDS.test(last) ? Number(last) : undefined
}

/**
 * Reads access logs of nginx and Apache in the common or combined format. The time of a line is
 * when its request ended. If a line ends with the duration in seconds, the arrival time is computed
 * from it.
 */
export class CombinedLogReader implements LineReader {
  constructor(
    private readonly timestamps: Timestamps,
    private readonly senders: SenderIds,
  ) {}

  read(text: string, from: number, to: number): TraceRequest | undefined {
    const line = text.slice(from, to)
    if (line.trim() === '') return undefined
    const match = LINE.exec(line)
    if (match === null) throw new BadLineError('not an access log line in the common or combined format')
    const [, address = '', user = '-', time = '', requestLine = '', , rest = ''] = match
    const [method = '', target] = requestLine.split(' ')
    if (target === undefined || !/^[A-Z]{1,20}$/.test(method))
      throw new BadLineError(
        'the request line is invalid; expected a method and a path, as in "GET / HTTP/1.1"',
      )
    const seconds = secondsOf(rest)
    const client = user === '-' ? undefined : nameOf('client', user)
    const ip = nameOf('ip', address)
    const duration = seconds === undefined ? undefined : seconds * 1000
    return {
      at: this.timestamps.read(time, undefined) - (duration ?? 0),
      client,
      sender: this.senders.number(client, ip),
      tier: undefined,
      ip,
      method,
      target: targetOf(target),
      headers: undefined,
      input: undefined,
      output: undefined,
      cached: undefined,
      maxOutput: undefined,
      cost: undefined,
      costs: undefined,
      model: undefined,
      money: undefined,
      currency: undefined,
      call: undefined,
      labels: undefined,
      duration,
    }
  }
}

/** Reports whether a line looks like this format. */
export function looksLikeCombinedLog(line: string): boolean {
  return LINE.test(line)
}
