import type { Permit } from 'sluice'
import type { LlmRouteOptions } from '../../policy/llm/llm-call.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { type Amounts, amountsOf } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import { recordedMoney } from './recorded-money.js'
import type { CompletionHandler } from './replay-events.js'
import type { ReplayedServer, ServerCall } from './replayed-server.js'
import type { VirtualTime } from './virtual-time.js'

/**
 * Admitted requests in flight. When a request ends, its cost is settled and its slots are released.
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
    permit: Permit,
    llm: LlmRouteOptions | undefined,
    onCompletion: CompletionHandler | undefined,
    call?: ServerCall,
  ): void {
    permit.keepRenewed()
    const end = (output = recorded.output) => {
      const actual = output === recorded.output ? recorded : { ...recorded, output }
      const costs = llm === undefined ? {} : settledCosts(actual, llm)
      const { input } = recorded
      if (output !== undefined) permit.served({ ...(input !== undefined && { input }), output })
      if (Object.keys(costs).length > 0) {
        settleCounted(permit, { ...costs })
        onCompletion?.settled(costs)
      }
      permit.release()
      onCompletion?.ended()
    }
    if (this.server !== undefined && call !== undefined) {
      this.server.send(call, end)
      return
    }
    const duration = recorded.duration ?? this.duration(recorded)
    if (duration === 0) end()
    else this.time.start(() => end(), duration)
  }
}

/**
 * Returns the actual costs of a call, as far as they are known. The reservation of the others is kept,
 * as for a response without usage.
 */
function settledCosts(
  recorded: TraceRequest,
  { shape, pricing, cachedWeight }: LlmRouteOptions,
): Partial<Amounts> {
  const { input = 0, output, cached = 0 } = recorded
  const money = pricing && recordedMoney({ shape, pricing }, recorded)
  return {
    ...(output !== undefined && amountsOf(input, output, cached, cachedWeight)),
    ...(money !== undefined && { money }),
  }
}
