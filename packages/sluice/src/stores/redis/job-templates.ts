import type { Limit } from '../../limits/limit.js'
import type { Charge } from '../store.js'

/** What of a job is mostly the same as in others of its call: the scopes, limits and costs of its charges. */
export interface JobKind {
  /** Its place among those of the call, from 1. */
  readonly place: number
  readonly scopes: readonly string[]
}

interface KnownKind extends JobKind {
  /** The charges that it was made from. */
  readonly charges: readonly Charge[]
}

/** So many kinds, the last ones, are compared with a job. Where there are more in turn, each job brings a kind of its own. */
const COMPARED = 8

/** The kinds of the jobs of one call, and their limits. */
export class JobKinds {
  readonly limits: Limit[] = []
  /** As the script reads them: for each charge the place of its limit, its cost, and whether it is enforced. */
  readonly rows: number[][] = []
  readonly #limitPlaces = new Map<Limit, number>()
  readonly #recent: KnownKind[] = []

  of(charges: readonly Charge[]): JobKind {
    let scopes: readonly string[] | undefined
    for (const kind of this.#recent) {
      if (kind.scopes.length !== charges.length || !haveSameScopes(kind.charges, charges)) continue
      if (haveSameLimits(kind.charges, charges)) return kind
      scopes = kind.scopes
    }
    const row = charges.flatMap(({ limit, cost, enforce }) => [
      this.#placeOf(limit),
      cost,
      enforce === false ? 0 : 1,
    ])
    const place = this.rows.push(row)
    const kind = { place, charges, scopes: scopes ?? charges.map(({ scope }) => scope) }
    this.#recent[(place - 1) % COMPARED] = kind
    return kind
  }

  #placeOf(limit: Limit): number {
    let place = this.#limitPlaces.get(limit)
    if (place === undefined) {
      place = this.limits.push(limit)
      this.#limitPlaces.set(limit, place)
    }
    return place
  }
}

function haveSameScopes(some: readonly Charge[], others: readonly Charge[]): boolean {
  for (let index = 0; index < some.length; index++)
    if (some[index]?.scope !== others[index]?.scope) return false
  return true
}

function haveSameLimits(some: readonly Charge[], others: readonly Charge[]): boolean {
  for (let index = 0; index < some.length; index++) {
    const [one, other] = [some[index] as Charge, others[index] as Charge]
    if (one.limit !== other.limit || one.cost !== other.cost) return false
    if ((one.enforce !== false) !== (other.enforce !== false)) return false
  }
  return true
}
