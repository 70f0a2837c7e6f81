import { createWarmUp, type WarmUp } from 'sluice'
import type { WarmUpConfig } from '../../policy/config/config.js'
import type { VirtualTime } from './virtual-time.js'

/** Periods in which models are not ready, in milliseconds since the first request. */
export type Unready = readonly { readonly from: number; readonly to: number }[]

/** Creates warm-ups for models that are always ready, except in the given periods. */
export function warmUpsOn(
  time: VirtualTime,
  unready: Unready,
): { of(config: WarmUpConfig): Pick<WarmUp, 'scale' | 'until'> } {
  const known = new Map<string, ReturnType<typeof createWarmUp>>()
  return {
    of(config) {
      const { ready: _, ...options } = config
      const id = JSON.stringify(config)
      const before = known.get(id)
      if (before !== undefined) return before
      let begun = false
      const clock = { now: () => (begun ? time.now() : Number.NEGATIVE_INFINITY) }
      const warmUp = createWarmUp({ ...options, ready: true, clock })
      begun = true
      known.set(id, warmUp)
      for (const { from, to } of unready) {
        time.start(() => warmUp.unready(), from)
        time.start(() => warmUp.ready(), to)
      }
      return warmUp
    },
  }
}
