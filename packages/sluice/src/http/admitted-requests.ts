import type { Decision, Quota } from '../limiter/decision.js'
import type { Permit } from '../limiter/permit.js'
import { checkSettledResources } from '../limiter/permit.js'
import type { Resource } from '../rules/rule.js'
import { leastRemaining } from './dictionary-headers.js'

export type AllowedDecision = Extract<Decision, { readonly allowed: true }>

/** A record that a limiter admitted a request. */
interface AdmissionRecord {
  /**
   * The admitted request. A copy (`{ ...request }`) also carries the record but was not admitted.
   */
  readonly request: object
  /** Identifies the run of the handler; undefined if the handler runs at most once per request. */
  readonly run: object | undefined
  readonly limiter: object
  readonly decision: AllowedDecision
  previous: AdmissionRecord | undefined
}

const RECORD = Symbol('sluice')

interface RecordCarrier {
  [RECORD]?: AdmissionRecord
}

/**
 * Returns the object that stores the records of a request: the raw header list of a Node request,
 * otherwise the request itself.
 *
 * Express gives each request its own prototype and therefore its own hidden class, so adding a
 * property takes 3 µs. A `WeakMap` costs as much in garbage collection. The header lists of all
 * requests share one hidden class, so adding a record takes 0.02 µs.
 */
function carrierOf(request: object): RecordCarrier {
  const { rawHeaders } = request as { readonly rawHeaders?: unknown }
  return Array.isArray(rawHeaders) ? (rawHeaders as RecordCarrier) : request
}

/**
 * Reports whether a record belongs to this request, or to one that it was derived from with
 * `Object.create`.
 */
function belongsTo({ request: admitted }: AdmissionRecord, request: object): boolean {
  return admitted === request || Object.prototype.isPrototypeOf.call(admitted, request)
}

/** Records that a limiter admitted a request. The record lives as long as the request. */
export function recordAdmission(
  request: object,
  limiter: object,
  decision: AllowedDecision,
  run?: object,
): void {
  const carrier = carrierOf(request)
  carrier[RECORD] = { request, run, limiter, decision, previous: carrier[RECORD] }
  if (run !== undefined) dropOldestRun(carrier[RECORD])
}

/** Returns the decision by which a limiter admitted a request; undefined if it did not. */
export function admissionBy(request: object, limiter: object, run?: object): AllowedDecision | undefined {
  for (let record = carrierOf(request)[RECORD]; record !== undefined; record = record.previous)
    if (record.limiter === limiter && record.run === run && belongsTo(record, request)) return record.decision
  return undefined
}

/**
 * Maximum number of recorded runs per request. All messages of a WebSocket share the handshake
 * request.
 */
const MAX_RUNS = 1000

function dropOldestRun(latest: AdmissionRecord): void {
  let count = 0
  for (let record: AdmissionRecord | undefined = latest; record !== undefined; record = record.previous)
    if (++count === MAX_RUNS) record.previous = undefined
}

/**
 * Settles a request with its actual costs in every limit that admitted it: `settle(request, {
 * tokens: 812 })`. Each limit settles the resources that its own rules count.
 *
 * @throws TypeError for a resource that no limit counts
 * @throws TypeError, RangeError for a cost that a limit cannot count
 */
export async function settle(
  request: object,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Promise<void> {
  const permits: Permit[] = []
  for (let record = carrierOf(request)[RECORD]; record !== undefined; record = record.previous)
    if (belongsTo(record, request)) permits.push(record.decision.permit)
  // A request that no limit admitted has nothing to settle.
  if (permits.length === 0) return
  checkSettledResources(
    costs,
    permits.flatMap(({ resources }) => resources),
  )
  await Promise.all(permits.map((permit) => permit.settle(settleableCosts(permit, costs))))
}

/** The decision of the limits that admitted a request. */
export interface RequestDecision extends Quota {
  /** The state of each rule of every limit that admitted the request, in the order of the limits. */
  readonly quotas: readonly Quota[]
}

/**
 * Returns the decision on a request in its handler: the state of every rule, and of the enforced
 * rule with the smallest remaining fraction.
 *
 *     app.post('/predict', limit('10/minute'), (request, response) => {
 *       const { rule, limit, remaining, resetAfter } = decisionOf(request)
 *       response.json({ rule, limit: limit.limit, remaining, resetSeconds: resetAfter / 1000 })
 *     })
 *
 * Units are those at the time of the decision: a later settlement does not change them. Times are
 * milliseconds from the decision.
 *
 * @returns undefined if no limit admitted the request, or none of their rules counts it
 */
export function decisionOf(request: object): RequestDecision | undefined {
  const limiters = new Set<object>()
  const decisions: AllowedDecision[] = []
  for (let record = carrierOf(request)[RECORD]; record !== undefined; record = record.previous) {
    // The latest run of a handler, if a request is counted once per run.
    if (limiters.has(record.limiter) || !belongsTo(record, request)) continue
    limiters.add(record.limiter)
    decisions.unshift(record.decision)
  }
  const quotas = decisions.flatMap((decision) => decision.quotas)
  if (quotas.length === 0) return undefined
  const enforced = quotas.filter((quota) => quota.enforced)
  return { ...leastRemaining(enforced.length === 0 ? quotas : enforced), quotas }
}

/** Selects the costs that a permit can be settled with. */
function settleableCosts(
  { resources }: Permit,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Partial<Record<Resource, number>> {
  return Object.fromEntries(Object.entries(costs).filter(([resource]) => resources.includes(resource)))
}
