import { type Client, RequestError } from 'sluice'
import { Parameters } from '../../policy/body/url-parameters.js'
import { sameName } from '../../policy/headers/header-name.js'
import type { LlmCall, LlmOptions } from '../../policy/llm/llm-call.js'
import { reserve } from '../../policy/llm/reservation.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import type { TraceRequest } from '../trace/trace-request.js'

/** What the address of a request is where neither an address nor a client was recorded. */
const NOBODY = 'unknown'

/** Why a call of a model cannot be weighed. */
export const NO_TOKENS = 'the trace has no input_tokens'

/** A recorded request, as rules see it. Where a trace names clients and no addresses, a client stands for its address. */
export class ReplayedRequest implements WeighedRequest {
  /** Rules, by their place in the policy, that need what was not recorded; and what that is. */
  readonly unweighed = new Map<number, string>()

  constructor(
    readonly recorded: TraceRequest,
    readonly route: string,
    readonly path: string,
    readonly search: string,
    readonly params: Readonly<Record<string, string>>,
    private readonly llm: LlmOptions | undefined,
  ) {}

  get method(): string {
    return this.recorded.method ?? 'POST'
  }

  get query(): Parameters {
    return new Parameters(this.search.slice(1))
  }

  get headers(): Readonly<Record<string, string>> {
    return this.recorded.headers ?? {}
  }

  get ip(): string {
    return this.recorded.ip ?? this.recorded.client ?? NOBODY
  }

  get client(): Client | undefined {
    const { client: id, tier } = this.recorded
    if (id === undefined) return undefined
    return tier === undefined ? { id } : { id, tier }
  }

  get body(): never {
    throw new RequestError('the trace has no bodies')
  }

  /** What was asked of a model, as far as it is reserved for. */
  get call(): LlmCall {
    if (this.llm === undefined) throw new Error(`calls of a model are not read on the route '${this.route}'`)
    const { input, maxOutput } = this.recorded
    if (input === undefined) throw new RequestError(NO_TOKENS)
    const asked = { model: undefined, stream: false, wantsUsage: false, maxOutput, answers: 1 }
    return { options: this.llm, asked, reservation: reserve(asked, input, this.llm.defaultOutput) }
  }

  header(name: string): string | undefined {
    return this.recorded.headers?.[sameName(name)]
  }
}
