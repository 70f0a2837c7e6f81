import type { State } from '../../../src/limits/algorithm.js'
import { adapt, algorithmOf } from '../../../src/limits/algorithms.js'
import type { FixedWindowState } from '../../../src/limits/fixed-window.js'
import { capacityOf, countAlike, type Limit, sameLimit, usesWallTime } from '../../../src/limits/limit.js'
import type { Charge, Settlement, StoreVerdict } from '../../../src/stores/store.js'

interface Entry {
  limit: Limit
  state: State
  changed: boolean
}

/**
 * What the script has to say, word for word, from the algorithms in TypeScript. It keeps what the script keeps: what was
 * taken or settled, what a clock that was set back or a changed limit did to a state, and nothing else.
 */
export class ReferenceStore {
  now = 0
  readonly #kept = new Map<string, { limit: Limit; state: State }>()

  take(charges: readonly Charge[]): StoreVerdict[] {
    return this.#decide(charges, true)
  }

  peek(charges: readonly Charge[]): StoreVerdict[] {
    return this.#decide(charges, false)
  }

  settle(settlements: readonly Settlement[]): void {
    const entries = new Map<string, Entry>()
    for (const { charge, taken, cost } of settlements) {
      const { limit } = charge
      const to = (entries.get(nameOf(charge)) ?? this.#kept.get(nameOf(charge)))?.limit ?? limit
      const alike = to.algorithm === limit.algorithm && usesWallTime(to) === usesWallTime(limit)
      const owed = ((cost - taken.cost) / capacityOf(limit)) * capacityOf(to)
      if (!alike && (owed <= 0 || limit.algorithm === 'concurrency' || to.algorithm === 'concurrency'))
        continue
      if (!alike && !this.#isOpen(charge)) continue
      const entry = this.#entryNow(entries, { ...charge, limit: alike ? limit : to })
      const [before, after] = alike ? [taken.cost, cost] : [0, owed]
      entry.state = algorithmOf(entry.limit).settle(
        entry.limit,
        entry.state,
        { ...taken, cost: before },
        after,
      )
      entry.changed = true
    }
    this.#keep(entries)
  }

  /** Whether the window that a calendar limit kept is still in force: the script cannot find another by itself. */
  #isOpen(charge: Charge): boolean {
    const kept = this.#kept.get(nameOf(charge))
    if (kept === undefined || !usesWallTime(kept.limit)) return true
    const { start, end } = kept.state as FixedWindowState
    return this.now < end && start - this.now <= 60_000
  }

  reset(scope: string, key: string): void {
    this.#kept.delete(`${scope} ${key}`)
  }

  #decide(charges: readonly Charge[], takes: boolean): StoreVerdict[] {
    const entries = new Map<string, Entry>()
    const decided = charges.map((charge) => ({ charge, verdict: undefined as StoreVerdict | undefined }))
    const untaken = new Map<Charge, StoreVerdict>()
    for (const each of inJudgingOrder(decided)) {
      const { charge } = each
      const state = this.#seen(entries, charge)
      const earlier = decided.filter(
        (other) =>
          other.verdict?.allowed && other.charge.key === charge.key && other.charge.scope === charge.scope,
      )
      const before = charge.cost === 0 ? 0 : earlier.reduce((sum, other) => sum + other.charge.cost, 0)
      const { judge } = algorithmOf(charge.limit)
      each.verdict = judge(charge.limit, state, charge.cost + before)
      untaken.set(charge, each.verdict.allowed ? judge(charge.limit, state, 0) : each.verdict)
    }
    const admitted = decided.every(({ charge, verdict }) => verdict?.allowed || charge.enforce === false)
    for (const { charge, verdict } of inJudgingOrder(decided)) {
      if (!takes || !admitted || !verdict?.allowed || charge.cost === 0) continue
      const entry = this.#entryNow(entries, charge)
      entry.state = algorithmOf(charge.limit).take(charge.limit, entry.state, charge.cost, charge.lease ?? '')
      entry.changed = true
    }
    this.#keep(entries)
    return decided.map(({ charge, verdict }) => (admitted ? verdict : untaken.get(charge)) as StoreVerdict)
  }

  /** What a key holds now, as the limit of the charge sees it: one that counts another way has an estimate, and changes nothing. */
  #seen(entries: Map<string, Entry>, charge: Charge): State {
    const { limit } = charge
    const held = entries.get(nameOf(charge)) ?? this.#kept.get(nameOf(charge))
    if (held === undefined || countAlike(held.limit, limit)) return this.#entryNow(entries, charge).state
    // A calendar that nobody said here: what its clock did to it shows when it is asked.
    if (usesWallTime(held.limit)) {
      const state = algorithmOf(held.limit).advance(held.limit, structuredClone(held.state), this.now)
      return adapt(state, held.limit, limit, this.now)
    }
    const { state } = this.#entryNow(entries, { ...charge, limit: held.limit })
    return adapt(structuredClone(state), held.limit, limit, this.now)
  }

  /** What a key holds now, under the limit of the charge; the same entry for all charges of one request. */
  #entryNow(entries: Map<string, Entry>, charge: Charge): Entry {
    const { limit } = charge
    const name = nameOf(charge)
    const kept = this.#kept.get(name)
    let entry = entries.get(name)
    if (entry === undefined) {
      const state = kept === undefined ? undefined : structuredClone(kept.state)
      entry =
        kept === undefined || state === undefined
          ? { limit, state: algorithmOf(limit).fresh(limit, this.now), changed: false }
          : {
              limit: kept.limit,
              changed: this.now < state.at,
              state: algorithmOf(kept.limit).advance(kept.limit, state, this.now),
            }
      entries.set(name, entry)
    }
    if (!sameLimit(entry.limit, limit)) {
      entry.state = adapt(entry.state, entry.limit, limit, this.now)
      entry.limit = limit
      entry.changed ||= kept !== undefined
    }
    return entry
  }

  #keep(entries: Map<string, Entry>): void {
    for (const [name, { limit, state, changed }] of entries) {
      if (!changed) continue
      if (algorithmOf(limit).idleAfter(limit, state) > 0) this.#kept.set(name, { limit, state })
      else this.#kept.delete(name)
    }
  }
}

function nameOf({ scope, key }: Charge): string {
  return `${scope} ${key}`
}

/** A shadow charge takes only what the enforced ones leave. */
function inJudgingOrder<T extends { readonly charge: Charge }>(decided: readonly T[]): T[] {
  const isShadow = ({ charge }: T) => charge.enforce === false
  return [...decided.filter((each) => !isShadow(each)), ...decided.filter(isShadow)]
}
