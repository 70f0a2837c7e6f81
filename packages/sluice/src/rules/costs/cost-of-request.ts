import type { MaybePromise } from '../../maybe-promise.js'

/** What a cost reads of a request, whatever the framework. */
export interface RequestView {
  /** @param name in lower case */
  header(name: string): string | undefined
  /** The body as it was parsed, or is parsed for this. */
  body(): MaybePromise<unknown>
  /** How many bytes the body has; undefined where that is not known. */
  size(): MaybePromise<number | undefined>
}

/** A cost that an adapter can have worked out from what it knows of a request. */
type CostOfView = (view: RequestView) => MaybePromise<number>

const OF_VIEW = Symbol('sluice cost of a request')

/** Marks a cost, so that adapters read the request for it: frameworks keep bodies in different places, or do not read them. */
export function markedCost<Cost extends object>(cost: Cost, ofView: CostOfView): Cost {
  return Object.assign(cost, { [OF_VIEW]: ofView })
}

/** How a marked cost is worked out; undefined for others. */
export function costOfView(cost: unknown): CostOfView | undefined {
  return typeof cost === 'function' ? (cost as { readonly [OF_VIEW]?: CostOfView })[OF_VIEW] : undefined
}
