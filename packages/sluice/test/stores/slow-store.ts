import type { Store } from '../../src/index.js'

/** A store that answers in a later turn of the event loop, like one that is remote. */
export function slow(store: Store): Store {
  const later = async <T>(run: () => T): Promise<Awaited<T>> => {
    for (let turn = 0; turn < 3; turn++) await nextTurn()
    return await run()
  }
  return {
    take: (charges) => later(() => store.take(charges)),
    peek: (charges) => later(() => store.peek(charges)),
    settle: (settlements) => later(() => store.settle(settlements)),
    reset: (scope, key) => later(() => store.reset(scope, key)),
    close: () => store.close(),
  }
}

/** Resolves when everything that waits for such a store has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await nextTurn()
}

function nextTurn(): Promise<void> {
  return new Promise((done) => setImmediate(done))
}
