import type { Decision } from 'sluice'
import { formatMoney } from 'sluice'
import { clientLabel } from '../../policy/client-label.js'
import type { AccessLogConfig } from '../../policy/config/config.js'
import type { RequestSender } from '../../policy/policy-request.js'
import { type OriginReader, originOf } from '../http/client-origin.js'
import type { InboundRequest } from '../http/inbound-request.js'
import { appendSink } from '../logging/append-sink.js'
import { LineWriter } from '../logging/line-writer.js'
import type { Log } from '../logging/log.js'
import type { ClientRedaction } from './client-redaction.js'
import type { ModelAnswer } from './model-answer.js'
import type { RequestOutcome } from './request-outcome.js'

/** Maximum length of a logged path, in UTF-16 code units. */
const MAX_PATH = 1024
/** Maximum size of one write to the file, in bytes. */
const MAX_WRITE_BYTES = 65_536
/** Maximum time to write the last lines, in milliseconds. */
const FLUSH_TIMEOUT_MS = 1000

export interface AccessLogOptions {
  readonly config: AccessLogConfig
  readonly log: Pick<Log, 'info' | 'error'>
  readonly redaction: ClientRedaction
}

/**
 * Logs every request in one line of JSON, in the log or in a file. Lines have neither queries nor
 * headers nor bodies. Requests are never delayed: lines that cannot be written in time are dropped.
 */
export class AccessLog {
  readonly #log: AccessLogOptions['log']
  /** Undefined if requests are logged in the log. */
  readonly #writer: LineWriter | undefined
  readonly #redaction: ClientRedaction

  constructor({ config: { file }, log, redaction }: AccessLogOptions) {
    this.#log = log
    this.#redaction = redaction
    if (file !== undefined)
      this.#writer = new LineWriter({
        sink: appendSink(file),
        maxWriteBytes: MAX_WRITE_BYTES,
        onFailure: ({ message: reason }) => log.error({ file, reason }, 'cannot write the access log'),
      })
  }

  /** Number of lines that could not be written to the file. */
  get dropped(): number {
    return this.#writer?.dropped ?? 0
  }

  /** Starts the line of a request that has just arrived. */
  begin(request: InboundRequest, requestId: string, addresses: OriginReader): AccessEntry {
    return new AccessEntry(request, requestId, addressOf(request, addresses), (fields) => this.#write(fields))
  }

  /** Writes the lines that are waiting, unless the file hangs. */
  async close(): Promise<void> {
    await this.#writer?.flush(FLUSH_TIMEOUT_MS)
  }

  #write(fields: AccessFields): void {
    const line = { ...fields, client: this.#redaction.redact(fields.client) }
    if (this.#writer === undefined) this.#log.info(line, 'request')
    else this.#writer.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
  }
}

/** Returns the address of the client, or that of the peer if a proxy sent an invalid one. */
function addressOf(request: InboundRequest, addresses: OriginReader): string {
  try {
    return originOf(request, addresses).address
  } catch {
    return request.socket.remoteAddress ?? 'unknown'
  }
}

/** The fields of a line. Durations are in milliseconds. */
interface AccessFields {
  readonly requestId: string
  /** The label of the client: its id, or its address if it is anonymous. */
  client: string
  /** Absent if no route matched. */
  route?: string | undefined
  readonly method: string
  /** Without the query. Absent if the target of the request is malformed. */
  path?: string | undefined
  /** Absent if the client got no response. */
  status?: number | undefined
  outcome?: RequestOutcome
  answeredBy?: 'upstream' | 'gateway'
  /** The name of the upstream, if routes choose one. */
  upstream?: string
  /** The side whose connection closed before the end of the response. */
  interruptedBy?: 'client' | 'upstream' | 'quota'
  /** The rule that refused the request. */
  rule?: string
  /** The wait for a limit. */
  waitedMs?: number
  model?: string | undefined
  inputTokens?: number
  outputTokens?: number
  cost?: string
  firstTokenMs?: number | undefined
  durationMs?: number
}

/** Collects the line of one request. */
export class AccessEntry {
  readonly #fields: AccessFields
  readonly #startedAt = performance.now()
  readonly #write: (fields: AccessFields) => void

  constructor(
    { method = '', url = '' }: Pick<InboundRequest, 'method' | 'url'>,
    requestId: string,
    address: string,
    write: (fields: AccessFields) => void,
  ) {
    // An absolute target may hold a password.
    const path = url.startsWith('/') ? url.split(/[?#]/, 1)[0] : undefined
    this.#fields = { requestId, client: address, route: undefined, method, path: path?.slice(0, MAX_PATH) }
    this.#write = write
  }

  /** @param path the normalized path */
  onRouted(path: string, route: string | undefined): void {
    this.#fields.path = path.slice(0, MAX_PATH)
    this.#fields.route = route
  }

  onDecided(request: RequestSender, decision: Decision, waitedMs: number): void {
    this.#fields.client = clientLabel(request)
    if (!decision.allowed) this.#fields.rule = decision.refusal.rule
    if (waitedMs > 0) this.#fields.waitedMs = rounded(waitedMs)
  }

  /** The client got at least the head of a response of the upstream. */
  onUpstreamAnswer(): void {
    this.#fields.answeredBy = 'upstream'
  }

  /** The request was sent to an upstream, which routes choose. */
  onUpstream(name: string): void {
    this.#fields.upstream = name
  }

  /** A connection closed, or a limit ended the response, before its end. */
  onInterrupted(by: 'client' | 'upstream' | 'quota'): void {
    this.#fields.interruptedBy = by
  }

  onModelAnswer({ model, inputTokens, outputTokens, cost, firstTokenMs }: ModelAnswer): void {
    Object.assign(this.#fields, { model, inputTokens, outputTokens })
    if (cost !== undefined) this.#fields.cost = formatMoney(cost.units, cost.currency)
    if (firstTokenMs !== undefined) this.#fields.firstTokenMs = rounded(firstTokenMs)
  }

  /** Writes the line. @param status undefined if the client got no response */
  end(outcome: RequestOutcome, status: number | undefined): void {
    const { requestId, client, route, method, path, answeredBy = 'gateway', ...details } = this.#fields
    this.#write({
      ...{ requestId, client, route, method, path, status, outcome },
      ...(status !== undefined && { answeredBy }),
      ...details,
      durationMs: rounded(performance.now() - this.#startedAt),
    })
  }
}

/** Rounds milliseconds to microseconds. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
