import type { AlgorithmName, Limit } from '../../limits/limit.js'
import { type Charge, penaltyScopeOf } from '../store.js'
import { CallKeys } from './call-keys.js'
import { type JobTemplate, JobTemplates } from './job-templates.js'
import { hasPenalties, type Job, OPERATION } from './script-job.js'
import { scriptLimit, type WindowBorders } from './script-limit.js'

/**
 * Maximum number of charges per call, unless a single job has more. A call of this size blocks the
 * server for about 0.3 ms. Larger calls do not increase throughput.
 */
const MAX_CHARGES = 128
/**
 * Weights of charges by the server time that they take: 11 µs for a log, 24 µs for a lease, and 2.3
 * µs for the others, whose weight is 1.
 */
const WEIGHTS: Partial<Record<AlgorithmName, number>> = { 'sliding-log': 4, concurrency: 8 }
/** The weight of a penalty: a job of one bucket takes 8.4 µs with a penalty, and 2.3 µs without. */
const PENALTY_WEIGHT = 3
/** Maximum length of the keys and leases of a call in characters, unless a single job has more. */
const MAX_CHARACTERS = 32_768

/**
 * The jobs of one call, encoded for the script: distinct keys, limits and templates, and one row of
 * numbers.
 */
export class Batch {
  readonly jobs: Job[] = []
  readonly #keys: CallKeys
  readonly #templates = new JobTemplates()
  readonly #row: number[] = []
  readonly #leases: string[] = []
  #weight = 0
  /** Total length of the leases in characters. */
  #leaseLength = 0

  /** @param slot the slot of all keys, or 0 outside a cluster */
  constructor(prefix: string, slot: number) {
    this.#keys = new CallKeys(prefix, slot)
  }

  get keys(): readonly string[] {
    return this.#keys.names
  }

  hasRoomFor(job: Job): boolean {
    return (
      this.#weight + weightOf(job) <= MAX_CHARGES && this.#keys.length + this.#leaseLength < MAX_CHARACTERS
    )
  }

  add(job: Job): void {
    this.jobs.push(job)
    this.#weight += weightOf(job)
    if (job.operation === 'reset') {
      const [{ scope, key }] = job.charges
      this.#row.push(OPERATION.reset, this.#keys.positionOf(scope, key))
      return
    }
    const { charges } = job
    const template = this.#templates.of(charges)
    const first = this.#firstPositionOf(charges, template)
    this.#row.push(OPERATION[job.operation], template.position, first)
    if (first === 0) for (const { scope, key } of charges) this.#row.push(this.#keys.positionOf(scope, key))
    for (const charge of charges) this.#addLease(charge)
    if ('taken' in job)
      for (const { cost, at, resetAfter } of job.taken)
        this.#row.push(toFinite(cost), toFinite(at), toFinite(resetAfter))
    else if (hasPenalties(job.operation)) for (const charge of charges) this.#addPenalty(charge)
  }

  /** Returns the arguments of the script. */
  args(now: string, bordersOf: (limit: Limit) => WindowBorders | undefined): string[] {
    const { limits, rows } = this.#templates
    const encoded = limits.map((limit) => scriptLimit(limit, bordersOf(limit)))
    return [now, JSON.stringify([encoded, rows, this.#row]), ...this.#leases]
  }

  /** Returns the position of the first key if the keys of the charges are adjacent, else 0. */
  #firstPositionOf(charges: readonly Charge[], { scopes }: JobTemplate): number {
    const [{ scope, key }] = charges as readonly [Charge]
    if (charges.length === 1) return this.#keys.positionOf(scope, key)
    for (const charge of charges) if (charge.key !== key) return 0
    return this.#keys.firstPositionOf(scopes, key)
  }

  #addPenalty({ scope, key, penalty }: Charge): void {
    if (penalty === undefined) this.#row.push(0, 0, 0, 0)
    else {
      const { durationMs, growth, maxMs } = penalty
      this.#row.push(this.#keys.positionOf(penaltyScopeOf(scope), key), durationMs, growth, maxMs)
    }
  }

  #addLease({ limit, lease = '' }: Charge): void {
    if (limit.algorithm !== 'concurrency') return
    this.#leases.push(lease === '' ? '' : `=${lease}`)
    this.#leaseLength += lease.length
  }
}

function weightOf(job: Job): number {
  if (job.operation === 'reset') return 1
  let weight = 0
  for (const { limit } of job.charges) weight += WEIGHTS[limit.algorithm] ?? 1
  if (hasPenalties(job.operation)) weight += PENALTY_WEIGHT * job.charges.length
  return weight
}

/** Replaces an infinite value, which JSON cannot represent. */
function toFinite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE))
}
