import type { Played } from '../engine/replay-events.js'
import type { TraceRequest } from '../trace/trace-request.js'
import type { Comparison } from './comparison.js'

/** Counts the requests on which two replays agree or disagree. */
export class Agreement {
  /** Decisions on requests that the other replay has not decided yet. */
  readonly #open = new Map<TraceRequest, { readonly by: 'one' | 'other'; readonly isAdmitted: boolean }>()
  readonly requests = { both: 0, neither: 0, onlyOne: 0, onlyOther: 0 } satisfies Comparison['requests']

  decided(by: 'one' | 'other', { recorded, outcome }: Played): void {
    const isAdmitted = outcome.kind === 'allowed' || outcome.kind === 'unlimited'
    const before = this.#open.get(recorded)
    if (before === undefined) {
      this.#open.set(recorded, { by, isAdmitted })
      return
    }
    this.#open.delete(recorded)
    const byOne = by === 'one' ? isAdmitted : before.isAdmitted
    const byOther = by === 'other' ? isAdmitted : before.isAdmitted
    if (byOne) this.requests[byOther ? 'both' : 'onlyOne']++
    else this.requests[byOther ? 'onlyOther' : 'neither']++
  }
}
