import type { Limit } from '../../limits/limit.js'
import { isEnforced } from '../enforcement.js'
import type { Charge } from '../store.js'

/**
 * The part of a job that it usually shares with other jobs of the call: scopes, limits and costs.
 */
export interface JobTemplate {
  /** 1-based position among the templates of the call. */
  readonly position: number
  readonly scopes: readonly string[]
}

interface RecentTemplate extends JobTemplate {
  /** The charges from which the template was created. */
  readonly charges: readonly Charge[]
}

/**
 * Maximum number of recent templates with which a job is compared. A job that matches none of them
 * gets a new one.
 */
const MAX_COMPARED = 8

/** The templates of the jobs of one call, and their limits. */
export class JobTemplates {
  readonly limits: Limit[] = []
  /**
   * The templates as the script reads them: limit position, cost and enforcement of each charge.
   */
  readonly rows: number[][] = []
  readonly #limitPositions = new Map<Limit, number>()
  readonly #recent: RecentTemplate[] = []

  of(charges: readonly Charge[]): JobTemplate {
    let scopes: readonly string[] | undefined
    for (const template of this.#recent) {
      if (template.scopes.length !== charges.length || !haveSameScopes(template.charges, charges)) continue
      if (haveSameLimits(template.charges, charges)) return template
      scopes = template.scopes
    }
    const row = charges.flatMap((charge) => [
      this.#positionOf(charge.limit),
      charge.cost,
      Number(isEnforced(charge)),
    ])
    const position = this.rows.push(row)
    const template = { position, charges, scopes: scopes ?? charges.map(({ scope }) => scope) }
    this.#recent[(position - 1) % MAX_COMPARED] = template
    return template
  }

  #positionOf(limit: Limit): number {
    let position = this.#limitPositions.get(limit)
    if (position === undefined) {
      position = this.limits.push(limit)
      this.#limitPositions.set(limit, position)
    }
    return position
  }
}

function haveSameScopes(a: readonly Charge[], b: readonly Charge[]): boolean {
  for (let index = 0; index < a.length; index++) if (a[index]?.scope !== b[index]?.scope) return false
  return true
}

function haveSameLimits(a: readonly Charge[], b: readonly Charge[]): boolean {
  for (let index = 0; index < a.length; index++) {
    const [one, other] = [a[index] as Charge, b[index] as Charge]
    if (one.limit !== other.limit || one.cost !== other.cost || isEnforced(one) !== isEnforced(other))
      return false
  }
  return true
}
