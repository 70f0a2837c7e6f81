import type { LineReader } from './line-reader.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps } from './timestamps.js'
import { nameOf, targetOf } from './trace-fields.js'
import { BadLineError, type TraceRequest } from './trace-request.js'

/** Address, identity, user, time, request line, status, bytes; then whatever else the log was told to write. */
const LINE = /^(\S+) \S+ (\S+) \[([^\]]{20,40})\] "((?:[^"\\]|\\.)*)" (\d{3}) \S+(.*)$/

/**
 * A field behind the bytes: a word, a text in quotes, or a name with either, as in `rt=0.245` and `uct="0.001"`.
 * What a client sent is always in quotes.
 */
const FIELD = /\s+(?:([\w.-]+)[=:])?(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/y

/** Seconds, as nginx writes its `$request_time`. */
const SECONDS = /^\d{1,7}\.\d{1,6}$/

/** Referer and user agent: texts in quotes that say what the client likes. */
const CLIENT_TEXTS = 2

/**
 * How long the request took, in seconds, where the line ends with it: as a word, under a name, or in quotes behind those of the
 * referer and the user agent. Undefined for a line that ends otherwise, or in the middle of a field.
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
    const isClients = inQuotes !== undefined && name === undefined && quoted++ < CLIENT_TEXTS
    last = isClients ? undefined : (inQuotes ?? word)
  }
  return last !== undefined && SECONDS.test(last) ? Number(last) : undefined
}

/**
 * Reads access logs of nginx and Apache: the common and the combined format. They have the time at which a request ended: where the
 * line ends with how long that took, in seconds, the request is played at the time at which it came.
 */
export class CombinedLogReader implements LineReader {
  constructor(
    private readonly moments: Timestamps,
    private readonly senders: SenderIds,
  ) {}

  read(text: string, from: number, to: number): TraceRequest | undefined {
    const line = text.slice(from, to)
    if (line.trim() === '') return undefined
    const match = LINE.exec(line)
    if (match === null)
      throw new BadLineError('it is no line of an access log in the common or combined format')
    const [, address = '', user = '-', time = '', requestLine = '', , rest = ''] = match
    const [method = '', target] = requestLine.split(' ')
    if (target === undefined || !/^[A-Z]{1,20}$/.test(method))
      throw new BadLineError('no request was read from that connection')
    const seconds = secondsOf(rest)
    const client = user === '-' ? undefined : nameOf('client', user)
    const ip = nameOf('ip', address)
    const duration = seconds === undefined ? undefined : seconds * 1000
    return {
      at: this.moments.read(time, undefined) - (duration ?? 0),
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
      duration,
    }
  }
}

/** Whether a line may be of this format. */
export function looksLikeCombinedLog(line: string): boolean {
  return LINE.test(line)
}
