import type { Charge, FailurePolicyStore, Store } from 'sluice'

/** A question that changes nothing, about a key that no client can have. */
const QUESTION: readonly Charge[] = [
  {
    scope: 'sluice health',
    key: '',
    limit: Object.freeze({ algorithm: 'token-bucket', limit: 1, period: 1000, burst: 1 }),
    cost: 0,
  },
]

/** How long a connection may take to be made when the gateway starts, in milliseconds. */
const PATIENCE = 2000

/** Whether the store itself answers. Never rejects. */
export async function answers(store: Store): Promise<boolean> {
  try {
    const [verdict] = await store.peek(QUESTION)
    return verdict?.degraded === undefined
  } catch {
    return false
  }
}

/**
 * Waits for a store to be there, with more patience than requests have, so that making the connection is no failure.
 *
 * @returns why it did not answer; undefined where it did
 */
export async function whyAbsent(store: Store): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE)
  })
  const asked = Promise.resolve(store.peek(QUESTION)).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
  const reason = await Promise.race([asked, tooLate])
  clearTimeout(timer)
  return reason
}

/** Asks until the policy for a lost store has taken over, or the store is there after all. */
export async function probeUntilLost(store: FailurePolicyStore): Promise<void> {
  // Each question counts towards the loss of the store, or finds it.
  while (store.stats().state === 'closed') if (await answers(store)) return
}
