import type { Decision } from 'sluice'
import type { LlmRouteOptions } from '../../policy/llm/llm-call.js'
import type { GrowingReservation } from '../../policy/llm/prediction/growing-reservation.js'
import { growingReservation, unknownCosts } from '../../policy/llm/prediction/predicted-call.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { type Amounts, amountsOf } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import { recordedMoney } from './recorded-money.js'
import type { CompletionHandler } from './replay-events.js'
import type { PredictedCall } from './replayed-request.js'
import type { ReplayedServer, ServerCall } from './replayed-server.js'
import type { VirtualTime } from './virtual-time.js'

type Admission = Extract<Decision, { readonly allowed: true }>

/** How an admitted request runs. */
interface Run {
  /** Undefined if everything that the call may use is reserved. */
  readonly predicted?: PredictedCall | undefined
  /** Undefined without a server, and if it cannot serve the request. */
  readonly call?: ServerCall | undefined
}

/**
 * Admitted requests in flight. When a request ends, its cost is settled and its slots are released.
 * The output of a call with a prediction extends its reservation. Without a server, it arrives evenly
 * over the duration.
 */
export class RunningRequests {
  /**
   * @param duration duration of requests that have no recorded duration; 0 by default
   * @param server the server that requests are sent to; undefined if they last as long as recorded
   */
  constructor(
    private readonly time: VirtualTime,
    private readonly duration: DurationModel = () => 0,
    private readonly server?: ReplayedServer,
  ) {}

  begin(
    recorded: TraceRequest,
    decision: Admission,
    llm: LlmRouteOptions | undefined,
    onCompletion: CompletionHandler | undefined,
    { predicted, call }: Run,
  ): void {
    const { permit, quotas } = decision
    permit.keepRenewed()
    let growing: GrowingReservation | undefined
    const end = (output = recorded.output) => {
      const actual = output === recorded.output ? recorded : { ...recorded, output }
      const costs = llm === undefined ? {} : costsOf(actual, llm, predicted, decision)
      const { input } = recorded
      if (output !== undefined) {
        permit.served({ ...(input !== undefined && { input }), output })
        predicted?.prediction.settle(output, growing?.isExhausted === true)
      }
      if (Object.keys(costs).length > 0) {
        settleCounted(permit, { ...costs })
        onCompletion?.settled(costs)
      }
      permit.release()
      predicted?.prediction.end()
      onCompletion?.ended()
    }
    const growth = (cut: () => void) =>
      predicted &&
      growingReservation(predicted, quotas, () => [permit], {
        onTaken: (costs) => onCompletion?.extended(costs),
        onExhausted: () => {
          onCompletion?.exhausted()
          if (llm?.reserve?.whenExhausted === 'cut') cut()
        },
      })
    const { server } = this
    if (server !== undefined && call !== undefined) {
      growing = growth(() => server.cut(call))
      server.send(call, {
        began: () => permit.began(),
        wrote(output) {
          permit.wrote(output)
          growing?.wrote(output)
        },
        ended: end,
      })
      return
    }
    // Without a server, nothing is known of when responses begin, so no request waits for that.
    permit.began()
    const duration = recorded.duration ?? this.duration(recorded)
    if (duration === 0) {
      end()
      return
    }
    const stream = { output: recorded.output ?? 0, duration, written: 0, isCut: false }
    const ending = this.time.start(() => end(), duration)
    growing = growth(() => {
      stream.isCut = true
      this.time.stop(ending)
      end(stream.written)
    })
    if (growing !== undefined) this.#write(stream, growing)
  }

  /** Reports the output of a stream at the next time at which its reservation takes more. */
  #write(stream: Stream, growing: GrowingReservation): void {
    const { output, duration, written } = stream
    const at = Math.max(written, Math.ceil(growing.nextAt))
    if (stream.isCut || at >= output) return
    this.time.start(
      () => {
        stream.written = at
        growing.wrote(at)
        this.#write(stream, growing)
      },
      (duration * (at - written)) / output,
    )
  }
}

/** A call whose output arrives evenly. */
interface Stream {
  readonly output: number
  /** Milliseconds. */
  readonly duration: number
  written: number
  isCut: boolean
}

/**
 * Returns the actual costs of a call, as far as they are known. The reservation of the others is kept,
 * as for a response without usage, or replaced by the maximum if less was reserved.
 */
function costsOf(
  recorded: TraceRequest,
  { shape, pricing, cachedWeight }: LlmRouteOptions,
  predicted: PredictedCall | undefined,
  { quotas }: Admission,
): Partial<Amounts> {
  const { input = 0, output, cached = 0 } = recorded
  const money = pricing && recordedMoney({ shape, pricing }, recorded)
  return {
    ...(predicted && unknownCosts(predicted, quotas)),
    ...(output !== undefined && amountsOf(input, output, cached, cachedWeight)),
    ...(money !== undefined && { money }),
  }
}
