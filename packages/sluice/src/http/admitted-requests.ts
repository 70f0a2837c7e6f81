import type { Decision } from '../limiter/decision.js'
import type { Permit } from '../limiter/permit.js'
import { checkSettledResources } from '../limiter/permit.js'
import type { Resource } from '../rules/rule.js'

export type AllowedDecision = Extract<Decision, { readonly allowed: true }>

/** That a limit let a request in. */
interface Note {
  /** Whom it is about: what stands on a request goes along with its copies (`{ ...request }`), which nobody let in. */
  readonly request: object
  /** What tells it from others of the same request; undefined where a request has one at most. */
  readonly run: object | undefined
  readonly limiter: object
  readonly decision: AllowedDecision
  before: Note | undefined
}

const NOTE = Symbol('sluice')

interface Noted {
  [NOTE]?: Note
}

/**
 * What the notes on a request stand on: for Node's own requests their list of headers, else the request itself. Express gives each request another
 * prototype and so a hidden class of its own, where one more property takes 3 µs; a `WeakMap` costs the garbage collector as much. On what is of
 * one shape with its like a note takes 0.02 µs.
 */
function placeOfNotes(request: object): Noted {
  const { rawHeaders } = request as { readonly rawHeaders?: unknown }
  return Array.isArray(rawHeaders) ? (rawHeaders as Noted) : request
}

/** Whether it is about this request, or about one that this was derived from (`Object.create(request)`). */
function isAbout({ request: noted }: Note, request: object): boolean {
  return noted === request || Object.prototype.isPrototypeOf.call(noted, request)
}

/** Notes that a limit let a request in, as long as the request itself is held. */
export function noteAdmission(
  request: object,
  limiter: object,
  decision: AllowedDecision,
  run?: object,
): void {
  const place = placeOfNotes(request)
  place[NOTE] = { request, run, limiter, decision, before: place[NOTE] }
  if (run !== undefined) dropOldestRun(place[NOTE])
}

export function wasAdmittedBy(request: object, limiter: object, run?: object): boolean {
  for (let note = placeOfNotes(request)[NOTE]; note !== undefined; note = note.before)
    if (note.limiter === limiter && note.run === run && isAbout(note, request)) return true
  return false
}

/** Runs of one request that are noted: a WebSocket's handshake is the request of all its messages. */
const MAX_RUNS = 1000

function dropOldestRun(latest: Note): void {
  let count = 0
  for (let note: Note | undefined = latest; note !== undefined; note = note.before)
    if (++count === MAX_RUNS) note.before = undefined
}

/**
 * Says in a handler what its request cost in truth, to every limit that it passed: `settle(request, { tokens: 812 })`. Each
 * limit settles what its own rules count.
 *
 * @throws TypeError for a resource that none of the limits counts; TypeError, RangeError for a cost that a limit cannot count.
 */
export async function settle(
  request: object,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Promise<void> {
  const permits: Permit[] = []
  for (let note = placeOfNotes(request)[NOTE]; note !== undefined; note = note.before)
    if (isAbout(note, request)) permits.push(note.decision.permit)
  // A request that passed no limit has nothing to settle.
  if (permits.length === 0) return
  checkSettledResources(
    costs,
    permits.flatMap(({ resources }) => resources),
  )
  await Promise.all(permits.map((permit) => permit.settle(countedBy(permit, costs))))
}

/** The costs that a permit can be settled with. */
function countedBy(
  { resources }: Permit,
  costs: Readonly<Partial<Record<Resource, number>>>,
): Partial<Record<Resource, number>> {
  return Object.fromEntries(Object.entries(costs).filter(([resource]) => resources.includes(resource)))
}
