import { createHmac } from 'node:crypto'
import type { Decision } from 'sluice'
import { BoundedCache } from 'sluice/internal'
import { addressOf } from '../../../policy/client-label.js'
import type { RecordConfig } from '../../../policy/config/config.js'
import { isTokenResource } from '../../../policy/llm/reservation.js'
import type { Amounts } from '../../../policy/llm/usage.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import { workerFile } from '../../../replay/record/worker-files.js'
import { createRecordOrigin, timeOriginOf } from './record-origin.js'
import { RotatingFile } from './rotating-file.js'

/** The first line of each file: the version of the format. */
const HEAD = JSON.stringify({ sluice_record: 1 })

/** Maximum length of a recorded path, in characters. */
const MAX_PATH = 1024
/** Maximum number of cached digests, which save hashing frequent clients for each request. */
const MAX_DIGESTS = 10_000

/**
 * Records requests for `sluice replay`: their time, path, cost, duration and ID, but no query, other
 * headers or body. Clients and addresses are recorded as digests. The key of the digests is random at each
 * start and never stored, so digests cannot be matched to clients. Workers share it.
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

  /** Starts recording a request after the decision on it. */
  begin(path: string, decided: DecidedRequest): RecordedRequest {
    return new RecordedRequest(path, decided, {
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

  constructor(
    path: string,
    { request, arrivedAt, decidedAt, decision }: DecidedRequest,
    { timeOrigin, digest, write }: RecordTarget,
  ) {
    const { id, client, method } = request
    const costs = decision.quotas.flatMap(({ rule, resource, cost }) =>
      cost === 1 || isTokenResource(resource) ? [] : [[rule, cost] as const],
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
      ip: digest(`ip ${addressOf(request)}`),
      method,
      path: path.slice(0, MAX_PATH),
      outcome: decision.allowed ? 'allowed' : 'refused',
      ...(!decision.allowed && { refused_by: decision.refusal.violated }),
      ...(exceeded.length > 0 && { soft_exceeded: exceeded }),
      ...(costs.length > 0 && { costs: Object.fromEntries(costs) }),
      ...(id !== undefined && { request_id: id }),
    }
  }

  /** Sets the tokens that were reserved for a model call. */
  setReservation({ input, output, stated }: { input: number; output: number; stated: boolean }): void {
    this.#line.input_tokens = input
    if (stated) this.#line.max_tokens = output
  }

  /** Sets the actual tokens of a model call. */
  setActualCost({ input_tokens, output_tokens }: Amounts): void {
    this.#line.input_tokens = input_tokens
    this.#line.output_tokens = output_tokens
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
