import type { Permit } from 'sluice'
import type { LlmRouteOptions } from '../../policy/llm/llm-call.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { type Amounts, amountsOf } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import { recordedMoney } from './recorded-money.js'
import type { CompletionHandler } from './replay-events.js'
import type { VirtualTime } from './virtual-time.js'

/**
 * Admitted requests in flight. When a request ends, its cost is settled and its slots are released.
 */
export class RunningRequests {
  /** @param duration duration of requests that have no recorded duration; 0 by default */
  constructor(
    private readonly time: VirtualTime,
    private readonly duration: DurationModel = () => 0,
  ) {}

  begin(
    recorded: TraceRequest,
    permit: Permit,
    llm: LlmRouteOptions | undefined,
    onCompletion: CompletionHandler | undefined,
  ): void {
    permit.keepRenewed()
    const duration = recorded.duration ?? this.duration(recorded)
    const end = () => {
      const costs = llm === undefined ? {} : settledCosts(recorded, llm)
      const { input, output } = recorded
      if (output !== undefined) permit.served({ ...(input !== undefined && { input }), output })
      if (Object.keys(costs).length > 0) {
        settleCounted(permit, { ...costs })
        onCompletion?.settled(costs)
      }
      permit.release()
      onCompletion?.ended()
    }
    if (duration === 0) end()
    else this.time.start(end, duration)
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
