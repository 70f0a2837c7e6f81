import type { MaybePromise, Store } from 'sluice'
import { type DecidingStore, isDeciding } from 'sluice/internal'

export type StoreOperation = 'take' | 'peek' | 'settle' | 'reset'

/** A store whose operations are measured, those that fail too. */
export function timed(store: Store, observe: (operation: StoreOperation, seconds: number) => void): Store {
  const measured = <T>(operation: StoreOperation, run: () => MaybePromise<T>): MaybePromise<T> => {
    const begun = performance.now()
    const end = () => observe(operation, (performance.now() - begun) / 1000)
    const result = run()
    if (result instanceof Promise) return result.finally(end)
    end()
    return result
  }
  const timedStore: Store = {
    take: (charges) => measured('take', () => store.take(charges)),
    peek: (charges) => measured('peek', () => store.peek(charges)),
    settle: (settlements) => measured('settle', () => store.settle(settlements)),
    reset: (scope, key) => measured('reset', () => store.reset(scope, key)),
    close: () => store.close(),
  }
  if (!isDeciding(store)) return timedStore
  // What is quicker for a store in this process stays so.
  const deciding: DecidingStore = {
    ...timedStore,
    decide(charges) {
      const begun = performance.now()
      const outcome = store.decide(charges)
      observe('take', (performance.now() - begun) / 1000)
      return outcome
    },
  }
  return deciding
}
