import type { State } from '../../algorithms/algorithm.js'
import type { ConcurrencyState } from '../../algorithms/concurrency.js'
import type { FixedWindowState } from '../../algorithms/fixed-window.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import type { SlidingWindowState } from '../../algorithms/sliding-window.js'
import type { TokenBucketState } from '../../algorithms/token-bucket.js'
import type { Limit } from '../../limits/limit.js'
import { entriesFrom, entriesText } from './log-entries.js'

type Part = string | number

/** A state as the numbers and texts that it is made of, the time first. */
export function stateParts(state: State, limit: Limit): readonly Part[] {
  switch (limit.algorithm) {
    case 'token-bucket': {
      const { at, level } = state as TokenBucketState
      return [at, level]
    }
    case 'fixed-window': {
      const { at, start, end, count } = state as FixedWindowState
      return [at, start, end, count]
    }
    case 'sliding-window': {
      const { at, start, previous, current } = state as SlidingWindowState
      return [at, start, previous, current]
    }
    case 'sliding-log':
      return [state.at, entriesText(state as SlidingLogState)]
    case 'concurrency': {
      const { at, leases } = state as ConcurrencyState
      return [at, ...[...leases].flatMap(([name, { until, slots }]) => [name, until, slots])]
    }
  }
}

/**
 * @param keptUntil of a sliding log, where its entries are kept for a longer period than the last one
 * @throws TypeError for parts of no state of this limit.
 */
export function stateFrom([time, ...parts]: readonly unknown[], limit: Limit, keptUntil: unknown): State {
  const at = numberFrom(time)
  switch (limit.algorithm) {
    case 'token-bucket': {
      const [level] = numbersFrom(parts, 1)
      const state: TokenBucketState = { at, level: used(level) }
      return state
    }
    case 'fixed-window': {
      const [start, end, count] = numbersFrom(parts, 3)
      const state: FixedWindowState = { at, start, end, count: used(count) }
      return state
    }
    case 'sliding-window': {
      const [start, previous, current] = numbersFrom(parts, 3)
      const state: SlidingWindowState = { at, start, previous: used(previous), current: used(current) }
      return state
    }
    case 'sliding-log': {
      const [text, ...rest] = parts
      if (typeof text !== 'string' || rest.length > 0) throw new TypeError('no entries of a log')
      const kept = { keptFor: limit.period, keptUntil: numberFrom(keptUntil ?? 0) }
      const state: SlidingLogState = { at, ...entriesFrom(text), ...kept }
      return state
    }
    case 'concurrency':
      return leasesFrom(at, parts)
  }
}

function leasesFrom(at: number, parts: readonly unknown[]): ConcurrencyState {
  const leases = new Map<string, { until: number; slots: number }>()
  let held = 0
  let first = Number.POSITIVE_INFINITY
  let last = at
  for (let index = 0; index < parts.length; index += 3) {
    const name = parts[index]
    if (typeof name !== 'string') throw new TypeError('no name of a lease')
    const [until, slots] = [numberFrom(parts[index + 1]), used(numberFrom(parts[index + 2]))]
    leases.set(name, { until, slots })
    held += slots
    first = Math.min(first, until)
    last = Math.max(last, until)
  }
  return { at, leases, held, first, last }
}

type Numbers = [number, number, number]

function numbersFrom(parts: readonly unknown[], count: number): Numbers {
  if (parts.length !== count) throw new TypeError(`${count} numbers, not ${parts.length}`)
  return parts.map(numberFrom) as Numbers
}

function numberFrom(part: unknown): number {
  if (typeof part !== 'number' || !Number.isFinite(part)) throw new TypeError('no number')
  return part
}

/** What is used is never less than nothing: that would be more than the limit to take. */
function used(amount: number): number {
  if (amount < 0) throw new TypeError('less than nothing is used')
  return amount
}
