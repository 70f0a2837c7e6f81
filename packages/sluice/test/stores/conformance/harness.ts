import type {
  ConcurrencyLimit,
  FixedWindowLimit,
  Limit,
  SlidingLogLimit,
  SlidingWindowLimit,
  TokenBucketLimit,
} from '../../../src/limits/limit.js'
import type { Charge, MaybePromise, Settlement, Store, StoreVerdict } from '../../../src/stores/store.js'

/** A store whose time the test controls. */
export interface Harness {
  readonly store: Store
  /** Advances the store's time by milliseconds, by setting its clock or by waiting. */
  advance(milliseconds: number): MaybePromise<void>
  /** Sets the store's clock back. Absent if that is impossible. */
  setBack?(milliseconds: number): MaybePromise<void>
  /** Returns the number of keys that have not expired. Absent if the store cannot count them. */
  keys?(): MaybePromise<number>
  close(): MaybePromise<void>
}

/** Creates an empty store, or one with an unused prefix. */
export type MakeStore = (options?: { readonly maxKeys?: number }) => MaybePromise<Harness>

/** Capabilities of a store that differ from those of the memory store. */
export interface StoreKind {
  /**
   * Maximum time between two successive calls in milliseconds, for a real clock. Default 0, for a
   * clock that the test sets. The suite tolerates up to 250 ms.
   */
  readonly slack?: number
  /** `false`: the clock cannot be set back. */
  readonly setsBack?: boolean
  /** `false`: `advance` waits in real time, so tests cannot skip hours or years. */
  readonly jumps?: boolean
  /** `false`: the store uses the time of the application servers, whose clocks must agree. */
  readonly ownClock?: boolean
  /**
   * `false`: several keys are not decided atomically, so a refused request may temporarily take
   * units.
   */
  readonly isAtomic?: boolean
}

/** The context of the suite's cases. */
export interface Suite {
  readonly make: MakeStore
  readonly kind: Required<StoreKind>
  /** Runs a test on a new store and closes the store afterwards. */
  with(test: (harness: Harness) => Promise<void>, options?: { readonly maxKeys?: number }): Promise<void>
}

/** Period of most limits in the suite, in milliseconds. Most limits have four units. */
export const PERIOD = 4000

export const bucket = (limit = 4, period = PERIOD, burst = limit): TokenBucketLimit => ({
  algorithm: 'token-bucket',
  limit,
  period,
  burst,
})
export const fixed = (limit = 4, period = PERIOD): FixedWindowLimit => ({
  algorithm: 'fixed-window',
  limit,
  period,
})
export const sliding = (limit = 4, period = PERIOD): SlidingWindowLimit => ({
  algorithm: 'sliding-window',
  limit,
  period,
})
export const log = (limit = 4, period = PERIOD): SlidingLogLimit => ({
  algorithm: 'sliding-log',
  limit,
  period,
})
export const inFlight = (limit = 4, lease = PERIOD): ConcurrencyLimit => ({
  algorithm: 'concurrency',
  limit,
  lease,
})

/** Factories of limits for every algorithm with a period. */
export const RATES = [
  ['token-bucket', bucket],
  ['fixed-window', fixed],
  ['sliding-window', sliding],
  ['sliding-log', log],
] as const

/** Factories of limits for every algorithm, with a limit and a period or lease. */
export const ALL = [...RATES, ['concurrency', inFlight]] as const

let leases = 0

/** Returns a charge, with a unique lease for a concurrency limit. */
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

/** Returns the verdict on a charge without taking it. */
export async function peek(store: Store, limit: Limit, key = 'key'): Promise<StoreVerdict> {
  return (await store.peek([charge(limit, 0, key)]))[0] as StoreVerdict
}

/** Takes single units until the first refusal, at most `max`, and returns the number admitted. */
export async function fill(store: Store, limit: Limit, key = 'key', max = 50): Promise<number> {
  let admitted = 0
  while (admitted < max && (await take(store, limit, 1, key)).allowed) admitted++
  return admitted
}

/** Returns the settlement that changes a charge to `cost`. */
export function settlement(one: Charge, verdict: StoreVerdict, cost: number): Settlement {
  const { at, resetAfter, overflow } = verdict
  return {
    charge: one,
    taken: { cost: one.cost, at, resetAfter, lease: one.lease, ...(overflow && { overflow }) },
    cost,
  }
}
