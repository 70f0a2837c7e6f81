import type { Permit } from 'sluice'
import type { LlmOptions } from '../../policy/llm/llm-call.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { amountsOf } from '../../policy/llm/usage.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { DurationModel } from './duration-model.js'
import type { CompletionHandler } from './replay-events.js'
import type { VirtualTime } from './virtual-time.js'

/** Requests that were let in, until their answers end: then what they took is settled, and their slots are free. */
export class RunningRequests {
  /** @param duration of requests of which none was recorded; default no time at all */
  constructor(
    private readonly time: VirtualTime,
    private readonly duration: DurationModel = () => 0,
  ) {}

  begin(
    recorded: TraceRequest,
    permit: Permit,
    llm: LlmOptions | undefined,
    aftermath: CompletionHandler | undefined,
  ): void {
    permit.keepRenewed()
    const duration = recorded.duration ?? this.duration(recorded)
    const end = () => {
      // What a call cost is known where its output was recorded; else its reservation stays, as for an answer without usage.
      if (llm !== undefined && recorded.output !== undefined) {
        const { input = 0, output, cached = 0 } = recorded
        const costs = amountsOf(input, output, cached, llm.cachedWeight)
        settleCounted(permit, { ...costs })
        aftermath?.settled(costs)
      }
      permit.release()
      aftermath?.ended()
    }
    if (duration === 0) end()
    else this.time.start(end, duration)
  }
}
