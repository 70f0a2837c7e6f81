import type { MaybePromise, Store } from 'sluice'
import { hasLines, isPreparing, type PreparingStore } from 'sluice/internal'

export type StoreOperation = 'take' | 'peek' | 'settle' | 'reset'

/** Wraps a store and measures its operations, including those that fail. */
export function timed(store: Store, observe: (operation: StoreOperation, seconds: number) => void): Store {
  const measure = <T>(operation: StoreOperation, run: () => MaybePromise<T>): MaybePromise<T> => {
    const startedAt = performance.now()
    const end = () => observe(operation, (performance.now() - startedAt) / 1000)
    const result = run()
    if (result instanceof Promise) return result.finally(end)
    end()
    return result
  }
  const timedStore: Store = {
    take: (charges) => measure('take', () => store.take(charges)),
    peek: (charges) => measure('peek', () => store.peek(charges)),
    settle: (settlements) => measure('settle', () => store.settle(settlements)),
    reset: (scope, key) => measure('reset', () => store.reset(scope, key)),
    close: () => store.close(),
    ...(hasLines(store) && { lines: store.lines }),
  }
  if (!isPreparing(store)) return timedStore
  // Preserves the faster path of a store in this process.
  const preparing: PreparingStore = {
    ...timedStore,
    prepare: (rules) => store.prepare(rules, (operation, ms) => observe(operation, ms / 1000)),
  }
  return preparing
}
