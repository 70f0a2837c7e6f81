import type { Permit } from 'sluice'
import type { LlmRouteOptions } from '../../policy/llm/llm-call.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { amountsOf } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
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
      // If no output was recorded, the reservation is kept, as for a response without usage.
      if (llm !== undefined && recorded.output !== undefined) {
        const { input = 0, output, cached = 0 } = recorded
        const costs = amountsOf(input, output, cached, llm.cachedWeight)
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
