import type {
  ConcurrencyLimit,
  FixedWindowLimit,
  Limit,
  SlidingLogLimit,
  SlidingWindowLimit,
  TokenBucketLimit,
} from '../../../src/limits/limit.js'
import type { Charge, MaybePromise, Settlement, Store, StoreVerdict } from '../../../src/stores/store.js'

/** A store with its time in the hand of the test. */
export interface Harness {
  readonly store: Store
  /** Moves the store's time on by this many milliseconds, by setting its clock or by waiting. */
  advance(milliseconds: number): MaybePromise<void>
  /** Sets the store's clock back; absent where nobody can. */
  setBack?(milliseconds: number): MaybePromise<void>
  /** How many keys the store keeps, those that have expired left out; absent where it cannot tell. */
  keys?(): MaybePromise<number>
  close(): MaybePromise<void>
}

/** Makes a store that is empty, or of a name space that nobody used. */
export type MakeStore = (options?: { readonly maxKeys?: number }) => MaybePromise<Harness>

/** What a kind of store is able to, where it is not what the memory store is able to. */
export interface StoreKind {
  /**
   * Most milliseconds that go by between two calls in a row, where the clock runs on by itself. Default 0: it stands
   * still. The suite's limits give and take 250 ms.
   */
  readonly slack?: number
  /** `false`: the clock cannot be set back. */
  readonly setsBack?: boolean
  /** `false`: `advance` waits, so that hours and years are out of reach. */
  readonly jumps?: boolean
  /** `false`: the time is the app server's, and the servers' clocks have to agree. */
  readonly ownClock?: boolean
  /** `false`: what keys far apart have taken for a request that another key refuses is given back, and was taken for a moment. */
  readonly atOnce?: boolean
}

/** What the parts of the suite are handed. */
export interface Suite {
  readonly make: MakeStore
  readonly kind: Required<StoreKind>
  /** Runs a test on a store of its own and closes the store, whatever happens. */
  with(test: (harness: Harness) => Promise<void>, options?: { readonly maxKeys?: number }): Promise<void>
}

/** The period of most of the suite's limits, in milliseconds; four units in it. */
export const P = 4000

export const bucket = (limit = 4, period = P, burst = limit): TokenBucketLimit => ({
  algorithm: 'token-bucket',
  limit,
  period,
  burst,
})
export const fixed = (limit = 4, period = P): FixedWindowLimit => ({
  algorithm: 'fixed-window',
  limit,
  period,
})
export const sliding = (limit = 4, period = P): SlidingWindowLimit => ({
  algorithm: 'sliding-window',
  limit,
  period,
})
export const log = (limit = 4, period = P): SlidingLogLimit => ({ algorithm: 'sliding-log', limit, period })
export const inFlight = (limit = 4, lease = P): ConcurrencyLimit => ({
  algorithm: 'concurrency',
  limit,
  lease,
})

/** Every algorithm that has a period, made with a limit and a period. */
export const RATES = [
  ['token-bucket', bucket],
  ['fixed-window', fixed],
  ['sliding-window', sliding],
  ['sliding-log', log],
] as const

/** Every algorithm, made with a limit and a period or lease. */
export const ALL = [...RATES, ['concurrency', inFlight]] as const

let leases = 0

/** A charge; a lease of its own where the limit wants one. */
export function charge(limit: Limit, cost = 1, key = 'key', more: Partial<Charge> = {}): Charge {
  const lease = limit.algorithm === 'concurrency' ? `lease-${leases++}` : undefined
  return { scope: 'scope', key, limit, cost, ...(lease !== undefined && { lease }), ...more }
}

/** Takes one charge. */
export async function take(store: Store, limit: Limit, cost = 1, key = 'key'): Promise<StoreVerdict> {
  return takeCharge(store, charge(limit, cost, key))
}

export async function takeCharge(store: Store, one: Charge): Promise<StoreVerdict> {
  return (await store.take([one]))[0] as StoreVerdict
}

/** What a charge would meet now; takes nothing. */
export async function look(store: Store, limit: Limit, key = 'key'): Promise<StoreVerdict> {
  return (await store.peek([charge(limit, 0, key)]))[0] as StoreVerdict
}

/** How many units are admitted one by one, until the first that is refused; at most `most`. */
export async function fill(store: Store, limit: Limit, key = 'key', most = 50): Promise<number> {
  let admitted = 0
  while (admitted < most && (await take(store, limit, 1, key)).allowed) admitted++
  return admitted
}

/** The settlement that lets a charge that was taken count `cost`. */
export function settlement(one: Charge, verdict: StoreVerdict, cost: number): Settlement {
  const { at, resetAfter, overflow } = verdict
  return {
    charge: one,
    taken: { cost: one.cost, at, resetAfter, lease: one.lease, ...(overflow && { overflow }) },
    cost,
  }
}
