import type { Charge, FailurePolicyStore, Store } from 'sluice'

/** A charge that changes nothing, for a key that no client can have. */
const PROBE: readonly Charge[] = [
  {
    scope: 'sluice health',
    key: '',
    limit: Object.freeze({ algorithm: 'token-bucket', limit: 1, period: 1000, burst: 1 }),
    cost: 0,
  },
]

/** The timeout for connecting to the store when the gateway starts. */
const CONNECT_TIMEOUT_MS = 2000

/** Maximum number of probes at startup. The breaker opens after fewer failures. */
const MAX_STARTUP_PROBES = 1000

/**
 * Reports whether the store itself responds, even if only with an error that it cannot decide the
 * probe. Never rejects.
 */
export async function responds(store: Pick<FailurePolicyStore, 'peek' | 'stats'>): Promise<boolean> {
  const { requestErrors } = store.stats()
  try {
    const [verdict] = await store.peek(PROBE)
    if (verdict?.degraded === undefined) return true
  } catch {
    // The failure policy may refuse the probe. The statistics show whether the store responded.
  }
  return store.stats().requestErrors > requestErrors
}

/**
 * Waits for the first response of a store. The timeout is longer than that of requests, so that the
 * time to connect is not counted as a failure.
 *
 * @returns why the store did not respond; undefined if it did
 */
export async function probeConnection(store: Store): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<Error>((resolve) => {
    timer = setTimeout(
      () => resolve(new Error(`no response within ${CONNECT_TIMEOUT_MS} ms`)),
      CONNECT_TIMEOUT_MS,
    )
  })
  const probe = Promise.resolve(store.peek(PROBE)).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  )
  const reason = await Promise.race([probe, timeout])
  clearTimeout(timer)
  return reason
}

/** Probes until the breaker opens and the failure policy decides, or until the store responds. */
export async function probeUntilBreakerOpens(
  store: Pick<FailurePolicyStore, 'peek' | 'stats'>,
): Promise<void> {
  for (let probe = 0; probe < MAX_STARTUP_PROBES && store.stats().state === 'closed'; probe++)
    if (await responds(store)) return
}
