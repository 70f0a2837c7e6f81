import type { Timers } from '../../src/time/timers.js'

/** Creates timers that fire when the test advances their time. */
export function manualTimers() {
  let now = 0
  const waiting = new Set<{ readonly at: number; readonly callback: () => void }>()
  const timers: Pick<Timers, 'start' | 'stop'> = {
    start(callback, milliseconds) {
      const timer = { at: now + milliseconds, callback }
      waiting.add(timer)
      return timer
    },
    stop: (timer) => void waiting.delete(timer as { at: number; callback: () => void }),
  }
  return {
    ...timers,
    now: () => now,
    get running() {
      return waiting.size
    },
    advance(milliseconds: number) {
      now += milliseconds
      for (const timer of [...waiting].sort((a, b) => a.at - b.at)) {
        if (timer.at > now || !waiting.delete(timer)) continue
        timer.callback()
      }
    },
  }
}
