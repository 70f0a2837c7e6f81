import type { Store } from '../stores/store.js'
import { hasLines, type Lines } from './lines.js'
import { LocalLines, type WaitTimers } from './local-lines.js'

const linesByStore = new WeakMap<Store, Lines>()

/**
 * Returns the lines of the requests that wait for a store: its own, or those of this process.
 *
 * @param timers end waits if the lines are new
 */
export function linesOf(store: Store, timers: WaitTimers): Lines {
  if (hasLines(store)) return store.lines
  const lines = linesByStore.get(store) ?? new LocalLines(timers)
  linesByStore.set(store, lines)
  return lines
}

/** Sets the lines of the requests that wait for a store in this process. Must be called before `linesOf`. */
export function setLines(store: Store, lines: Lines): void {
  linesByStore.set(store, lines)
}
