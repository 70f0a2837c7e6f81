import type { Played } from '../engine/replay-events.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { Comparison } from './comparison.js'

/** Sees how two replays decide on the same requests. */
export class Agreement {
  /** What the first of the two said of requests that the second has not decided on yet, as those that wait. */
  readonly #open = new Map<TraceRequest, { readonly by: 'one' | 'other'; readonly letIn: boolean }>()
  readonly requests = { both: 0, neither: 0, onlyOne: 0, onlyOther: 0 } satisfies Comparison['requests']

  decided(by: 'one' | 'other', { recorded, outcome }: Played): void {
    const letIn = outcome.kind === 'allowed' || outcome.kind === 'unlimited'
    const before = this.#open.get(recorded)
    if (before === undefined) {
      this.#open.set(recorded, { by, letIn })
      return
    }
    this.#open.delete(recorded)
    const byOne = by === 'one' ? letIn : before.letIn
    const byOther = by === 'other' ? letIn : before.letIn
    if (byOne) this.requests[byOther ? 'both' : 'onlyOne']++
    else this.requests[byOther ? 'onlyOther' : 'neither']++
  }
}
