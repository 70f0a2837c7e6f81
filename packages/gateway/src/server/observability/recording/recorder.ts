import { createHmac, randomBytes } from 'node:crypto'
import type { Decision } from 'sluice'
import { BoundedCache } from 'sluice/internal'
import { addressOf } from '../../../policy/client-label.js'
import type { RecordConfig } from '../../../policy/config/config.js'
import { isTokenResource } from '../../../policy/llm/reservation.js'
import type { Amounts } from '../../../policy/llm/usage.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import { RotatingFile } from './rotating-file.js'

/** The version of the format, in the first line of each file. */
const HEAD = JSON.stringify({ sluice_record: 1 })

/** Longest path that is recorded, in characters. */
const MAX_PATH = 1024
/** Digests that are remembered, so that those who send much are not hashed each time. */
const MAX_DIGESTS = 10_000

/**
 * Records the requests that were decided on, for `sluice replay`: when they came, which path they asked for, what they cost and how
 * long they ran. Not the query, no header and nothing of the body. Clients and addresses are kept as digests with a key that
 * is made anew with each start and kept nowhere, so that nobody can find out who they were, nor whether somebody was among them.
 */
export class Recorder {
  readonly #file: RotatingFile
  readonly #key = randomBytes(32)
  readonly #digests = new BoundedCache<string, string>(MAX_DIGESTS)

  constructor(config: RecordConfig, onError: (error: unknown) => void) {
    this.#file = new RotatingFile({ ...config, head: HEAD, onError })
  }

  /** Notes a request that was decided on. */
  begin(path: string, decided: Decided): RecordedRequest {
    return new RecordedRequest(path, decided, this.#digest, (line) => this.#file.append(line))
  }

  /** Requests that were not recorded, since the disk did not keep up or failed. */
  get dropped(): number {
    return this.#file.dropped
  }

  /** Resolves once all that ended before can be read. */
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

/** What was decided on a request, and when, by `performance.now()`. */
interface Decided {
  readonly weighed: RequestSender & { readonly method: string }
  readonly came: number
  readonly decided: number
  readonly decision: Decision
}

/** One request, until it has ended. */
export class RecordedRequest {
  readonly #line: Record<string, unknown>
  readonly #decided: number
  readonly #write: (line: string) => void

  constructor(
    path: string,
    { weighed, came, decided, decision }: Decided,
    digest: (text: string) => string,
    write: (line: string) => void,
  ) {
    const { client, method } = weighed
    const costs = decision.quotas.flatMap(({ rule, resource, cost }) =>
      cost === 1 || isTokenResource(resource) ? [] : [[rule, cost] as const],
    )
    this.#write = write
    this.#decided = decided
    this.#line = {
      // Milliseconds since the epoch, to the microsecond: what came in one millisecond keeps its order.
      time: Math.round((performance.timeOrigin + came) * 1000) / 1000,
      ...(client && { client: digest(`client ${client.id}`), tier: client.tier }),
      ip: digest(`ip ${addressOf(weighed)}`),
      method,
      path: path.slice(0, MAX_PATH),
      outcome: decision.allowed ? 'allowed' : 'refused',
      ...(!decision.allowed && { refused_by: decision.refusal.violated }),
      ...(costs.length > 0 && { costs: Object.fromEntries(costs) }),
    }
  }

  /** What was reserved for a call of a model. */
  reserved({ input, output, stated }: { input: number; output: number; stated: boolean }): void {
    this.#line.input_tokens = input
    if (stated) this.#line.max_tokens = output
  }

  /** What it cost in truth. */
  cost({ input_tokens, output_tokens }: Amounts): void {
    this.#line.input_tokens = input_tokens
    this.#line.output_tokens = output_tokens
  }

  /** It has ended: what was let in, after so long. */
  end(): void {
    if (this.#line.outcome === 'allowed') {
      const ran = performance.now() - this.#decided
      this.#line.duration = Math.round(ran * 1000) / 1000
    }
    this.#write(JSON.stringify(this.#line))
  }
}
