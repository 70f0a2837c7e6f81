import { createHmac } from 'node:crypto'
import type { Client, Decision } from 'sluice'
import { BoundedCache, formatUnits } from 'sluice/internal'
import { addressOf } from '../../../policy/client-label.js'
import { ANY_LABEL } from '../../../policy/config/cel/static-analysis.js'
import type { RecordConfig } from '../../../policy/config/config.js'
import type { UsedLabels } from '../../../policy/config/limits/used-labels.js'
import type { LlmCall } from '../../../policy/llm/llm-call.js'
import { type CallPrice, priceId } from '../../../policy/llm/price-list.js'
import { isTokenResource } from '../../../policy/llm/reservation.js'
import type { Amounts } from '../../../policy/llm/usage.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import { workerFile } from '../../../replay/record/worker-files.js'
import { createRecordOrigin, timeOriginOf } from './record-origin.js'
import { RotatingFile } from './rotating-file.js'

/** The first line of each file: the version of the format. */
const HEAD = JSON.stringify({ sluice_record: 1 })

/** Maximum length of a recorded path, and of the name of a model, in characters. */
const MAX_PATH = 1024
const MAX_MODEL = 256
/** Maximum number of cached digests, which save hashing frequent clients for each request. */
const MAX_DIGESTS = 10_000

/**
 * Records requests for `sluice replay`: their time, path, model, cost, duration and ID, but no query,
 * other headers or body. Clients and addresses are recorded as digests, and so are labels that limits
 * only count by. Labels that expressions read are recorded as they are. The key of the digests is random
 * at each start and never stored, so digests cannot be matched to clients. Workers share it.
 */
export class Recorder {
  readonly #file: RotatingFile
  readonly #key: Uint8Array
  readonly #timeOrigin: number
  readonly #digests = new BoundedCache<string, string>(MAX_DIGESTS)

  /** @param origin that of the gateway, if several processes record */
  constructor(config: RecordConfig, onError: (error: unknown) => void, origin = createRecordOrigin()) {
    this.#file = new RotatingFile({ ...config, head: HEAD, onError })
    this.#key = origin.digestKey
    this.#timeOrigin = timeOriginOf(origin)
  }

  /**
   * Starts recording a request after the decision on it.
   *
   * @param labels those that decide how the requests of the route are limited
   */
  begin(path: string, decided: DecidedRequest, labels: UsedLabels): RecordedRequest {
    return new RecordedRequest(path, decided, labels, {
      timeOrigin: this.#timeOrigin,
      digest: this.#digest,
      write: (line) => this.#file.append(line),
    })
  }

  /** Number of requests that were not recorded because the disk was too slow or failed. */
  get dropped(): number {
    return this.#file.dropped
  }

  /** Resolves once the records of all requests that ended before the call can be read. */
  flush(): Promise<void> {
    return this.#file.flush()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  readonly #digest = (text: string): string => {
    const known = this.#digests.get(text)
    if (known !== undefined) return known
    const digest = createHmac('sha256', this.#key).update(text, 'utf16le').digest('base64url').slice(0, 16)
    this.#digests.set(text, digest)
    return digest
  }
}

/**
 * Returns the record of one worker: a file of its own, with its share of the total size.
 *
 * @param worker its number, from 1
 */
export function workerRecord(
  { file, maxSize, files }: RecordConfig,
  worker: number,
  workers: number,
): RecordConfig {
  return { file: workerFile(file, worker), maxSize: Math.max(1, Math.floor(maxSize / workers)), files }
}

/** A request with its decision. Times are from `performance.now()`. */
interface DecidedRequest {
  readonly request: RequestSender & { readonly method: string }
  readonly arrivedAt: number
  readonly decidedAt: number
  readonly decision: Decision
  /** The model call, if the rules of its route count tokens or money. */
  readonly call?: LlmCall | undefined
}

/** What a `RecordedRequest` uses of its recorder. */
interface RecordTarget {
  /** Epoch milliseconds at which `performance.now()` was 0. */
  readonly timeOrigin: number
  readonly digest: (text: string) => string
  readonly write: (line: string) => void
}

/** The record of one request, which is written when the request ends. */
export class RecordedRequest {
  readonly #line: Record<string, unknown>
  readonly #decidedAt: number
  readonly #write: (line: string) => void
  readonly #call: LlmCall | undefined

  constructor(
    path: string,
    { request, arrivedAt, decidedAt, decision, call }: DecidedRequest,
    labels: UsedLabels,
    { timeOrigin, digest, write }: RecordTarget,
  ) {
    const { id, client, method } = request
    const costs = decision.quotas.flatMap(({ rule, resource, cost }) =>
      cost === 1 || (call !== undefined && isTokenResource(resource)) ? [] : [[rule, cost] as const],
    )
    const exceeded = decision.allowed
      ? decision.quotas.flatMap(({ rule, overrun }) => (overrun === undefined ? [] : [rule]))
      : []
    this.#write = write
    this.#decidedAt = decidedAt
    this.#line = {
      // Epoch milliseconds with microsecond precision, which preserves the order within a
      // millisecond.
      time: Math.round((timeOrigin + arrivedAt) * 1000) / 1000,
      ...(client && { client: digest(`client ${client.id}`), tier: client.tier }),
      ...recordedLabels(client, labels, digest),
      ip: digest(`ip ${addressOf(request)}`),
      method,
      path: path.slice(0, MAX_PATH),
      outcome: decision.allowed ? 'allowed' : 'refused',
      ...(!decision.allowed && { refused_by: decision.refusal.violated }),
      ...(exceeded.length > 0 && { soft_exceeded: exceeded }),
      ...(costs.length > 0 && { costs: Object.fromEntries(costs) }),
      ...(id !== undefined && { request_id: id }),
      ...(call && callFields(call)),
    }
    this.#call = call
  }

  /** Sets the model of a request whose tokens are not counted; empty if it names none. */
  setModel(model: string): void {
    this.#line.model = model.slice(0, MAX_MODEL)
  }

  /** Sets the actual tokens of a model call, and their price. */
  setActualCost({ input_tokens, output_tokens, money = 0 }: Amounts): void {
    const { reservation, price } = this.#call ?? {}
    if (reservation !== undefined && reservation.input !== input_tokens)
      this.#line.reserved = { ...(this.#line.reserved as object), input: reservation.input }
    this.#line.input_tokens = input_tokens
    this.#line.output_tokens = output_tokens
    if (price !== undefined) Object.assign(this.#line, moneyFields(price, money))
  }

  /** Sets the name of the upstream, if routes choose one. */
  setUpstream(name: string): void {
    this.#line.upstream = name
  }

  /** Writes the record, with the duration of an admitted request. */
  end(): void {
    if (this.#line.outcome === 'allowed') {
      const duration = performance.now() - this.#decidedAt
      this.#line.duration = Math.round(duration * 1000) / 1000
    }
    this.#write(JSON.stringify(this.#line))
  }
}

/** Returns what is known of a model call when it arrives: its model, and what it reserves. */
function callFields({ parameters, reservation }: LlmCall): object {
  const { input, output, stated } = reservation
  const { images, audioSeconds, characters, rows } = parameters
  const reserved = {
    ...(!stated && parameters.answers > 1 && { answers: parameters.answers }),
    ...(images !== undefined && { images }),
    ...(audioSeconds !== undefined && { audio_seconds: audioSeconds }),
    ...(characters !== undefined && { characters }),
    ...(rows !== undefined && { rows }),
  }
  return {
    model: (parameters.model ?? '').slice(0, MAX_MODEL),
    input_tokens: input,
    ...(stated && { max_tokens: output }),
    ...(Object.keys(reserved).length > 0 && { reserved }),
  }
}

function moneyFields(price: CallPrice, units: number): object {
  return { money: formatUnits(units), currency: price.currency, price: priceId(price) }
}

/** Returns the labels of a client that rules use. */
function recordedLabels(
  client: Client | undefined,
  { counted, read }: UsedLabels,
  digest: RecordTarget['digest'],
): object | undefined {
  const labels = client?.labels
  if (labels === undefined || counted.length + read.length === 0) return undefined
  const recorded = Object.entries(labels).flatMap(([name, value]) => {
    if (read.includes(name) || read.includes(ANY_LABEL)) return [[name, value] as const]
    if (!counted.includes(name)) return []
    const digestOf = (each: string) => digest(`label ${name} ${each}`)
    return [[name, typeof value === 'string' ? digestOf(value) : value.map(digestOf)] as const]
  })
  return recorded.length === 0 ? undefined : { labels: Object.fromEntries(recorded) }
}
