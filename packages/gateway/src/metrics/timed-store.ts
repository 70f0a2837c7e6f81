import type { MaybePromise, Store } from 'sluice'

export type Operation = 'take' | 'peek' | 'settle' | 'reset'

/** A store whose operations are measured, those that fail too. */
export function timed(store: Store, observe: (operation: Operation, seconds: number) => void): Store {
  const measured = <T>(operation: Operation, run: () => MaybePromise<T>): MaybePromise<T> => {
    const begun = performance.now()
    const end = () => observe(operation, (performance.now() - begun) / 1000)
    const result = run()
    if (result instanceof Promise) return result.finally(end)
    end()
    return result
  }
  return {
    take: (charges) => measured('take', () => store.take(charges)),
    peek: (charges) => measured('peek', () => store.peek(charges)),
    settle: (settlements) => measured('settle', () => store.settle(settlements)),
    reset: (scope, key) => measured('reset', () => store.reset(scope, key)),
    close: () => store.close(),
  }
}
