import type { Decision } from '../limiter/decision.js'
import type { Permit } from '../limiter/permit.js'
import { checkSettledResources } from '../limiter/permit.js'
import type { Resource } from '../rules/rule.js'

export type AllowedDecision = Extract<Decision, { readonly allowed: true }>

/** Records that a limiter admitted a request. */
interface Note {
  /**
   * The admitted request. A copy (`{ ...request }`) carries the note along but was not admitted.
   */
  readonly request: object
  /** Identifies the run of the handler; undefined if a request has at most one. */
  readonly run: object | undefined
  readonly limiter: object
  readonly decision: AllowedDecision
  before: Note | undefined
}

const NOTE = Symbol('sluice')

interface NoteCarrier {
  [NOTE]?: Note
}

/**
 * Returns the object that carries the notes on a request: the raw header list of Node requests,
 * otherwise the request itself.
 *
 * Express gives each request its own prototype and so its own hidden class, where adding a property
 * takes 3 µs, and a `WeakMap` costs as much in garbage collection. A header list has one shape for
 * all requests, so that a note takes 0.02 µs.
 */
function noteCarrier(request: object): NoteCarrier {
  const { rawHeaders } = request as { readonly rawHeaders?: unknown }
  return Array.isArray(rawHeaders) ? (rawHeaders as NoteCarrier) : request
}

/**
 * Reports whether a note is about this request or one that it was derived from (`Object.create`).
 */
function isAbout({ request: admitted }: Note, request: object): boolean {
  return admitted === request || Object.prototype.isPrototypeOf.call(admitted, request)
}

/** Records that a limiter admitted a request, for as long as the request itself is referenced. */
export function noteAdmission(
  request: object,
  limiter: object,
  decision: AllowedDecision,
  run?: object,
): void {
  const carrier = noteCarrier(request)
  carrier[NOTE] = { request, run, limiter, decision, before: carrier[NOTE] }
  if (run !== undefined) dropOldestRun(carrier[NOTE])
}

export function wasAdmittedBy(request: object, limiter: object, run?: object): boolean {
  for (let note = noteCarrier(request)[NOTE]; note !== undefined; note = note.before)
    if (note.limiter === limiter && note.run === run && isAbout(note, request)) return true
  return false
}

/**
 * Bounds the recorded runs of one request: all messages of a WebSocket share the handshake request.
 */
const MAX_RUNS = 1000

function dropOldestRun(latest: Note): void {
  let count = 0
  for (let note: Note | undefined = latest; note !== undefined; note = note.before)
    if (++count === MAX_RUNS) note.before = undefined
}

/**
 * Settles a request with its actual costs in every limit that admitted it: `settle(request, {
 * tokens: 812 })`. Each limit settles the resources that its own rules count.
 *
 * @throws TypeError for a resource that none of the limits counts
 * @throws TypeError, RangeError for a cost that a limit cannot count
 */
export async function settle(
  request: object,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Promise<void> {
  const permits: Permit[] = []
  for (let note = noteCarrier(request)[NOTE]; note !== undefined; note = note.before)
    if (isAbout(note, request)) permits.push(note.decision.permit)
  // A request that no limit admitted has nothing to settle.
  if (permits.length === 0) return
  checkSettledResources(
    costs,
    permits.flatMap(({ resources }) => resources),
  )
  await Promise.all(permits.map((permit) => permit.settle(settleableCosts(permit, costs))))
}

/** Selects the costs that a permit can be settled with. */
function settleableCosts(
  { resources }: Permit,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Partial<Record<Resource, number>> {
  return Object.fromEntries(Object.entries(costs).filter(([resource]) => resources.includes(resource)))
}
