import type { MaybePromise } from '../../maybe-promise.js'

/** The parts of a request that a cost may read, independent of the framework. */
export interface RequestView {
  /** @param name in lower case */
  header(name: string): string | undefined
  /** Returns the parsed body, and parses it if necessary. */
  body(): MaybePromise<unknown>
  /** Returns the length of the body in bytes; undefined if unknown. */
  size(): MaybePromise<number | undefined>
}

/** Computes a cost from the adapter's view of a request. */
type CostOfView = (view: RequestView) => MaybePromise<number>

const OF_VIEW = Symbol('sluice cost of a request')

/**
 * Marks a cost function, so that adapters call `ofView` instead. Frameworks store bodies in
 * different places, which only the adapter knows.
 */
export function markCost<Cost extends object>(cost: Cost, ofView: CostOfView): Cost {
  return Object.assign(cost, { [OF_VIEW]: ofView })
}

/** Returns the function of a marked cost; undefined for other costs. */
export function costOfView(cost: unknown): CostOfView | undefined {
  return typeof cost === 'function' ? (cost as { readonly [OF_VIEW]?: CostOfView })[OF_VIEW] : undefined
}
