import type { State } from '../../algorithms/algorithm.js'
import type { ConcurrencyState } from '../../algorithms/concurrency.js'
import type { FixedWindowState } from '../../algorithms/fixed-window.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import type { SlidingWindowState } from '../../algorithms/sliding-window.js'
import type { TokenBucketState } from '../../algorithms/token-bucket.js'
import type { Limit } from '../../limits/limit.js'
import { decodeEntries, encodeEntries } from './log-entries.js'

type Part = string | number

/** Encodes a state as a list of numbers and strings that begins with its time. */
export function encodeState(state: State, limit: Limit): readonly Part[] {
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
      return [state.at, encodeEntries(state as SlidingLogState)]
    case 'concurrency': {
      const { at, leases } = state as ConcurrencyState
      return [at, ...[...leases].flatMap(([name, { until, slots }]) => [name, until, slots])]
    }
  }
}

/**
 * Decodes a state of a limit.
 *
 * @param keptUntil time until which a sliding log keeps its entries for the longer period of an
 *   earlier limit
 * @throws TypeError for anything but an encoded state of this limit.
 */
export function decodeState([time, ...parts]: readonly unknown[], limit: Limit, keptUntil: unknown): State {
  const at = numberFrom(time)
  switch (limit.algorithm) {
    case 'token-bucket': {
      const [level] = numbersFrom(parts, 1)
      const state: TokenBucketState = { at, level: nonNegative(level) }
      return state
    }
    case 'fixed-window': {
      const [start, end, count] = numbersFrom(parts, 3)
      const state: FixedWindowState = { at, start, end, count: nonNegative(count) }
      return state
    }
    case 'sliding-window': {
      const [start, previous, current] = numbersFrom(parts, 3)
      const state: SlidingWindowState = {
        at,
        start,
        previous: nonNegative(previous),
        current: nonNegative(current),
      }
      return state
    }
    case 'sliding-log': {
      const [entries, ...rest] = parts
      if (typeof entries !== 'string' || rest.length > 0) throw new TypeError('invalid log entries')
      const retention = { keptFor: limit.period, keptUntil: numberFrom(keptUntil ?? 0) }
      const state: SlidingLogState = { at, ...decodeEntries(entries), ...retention }
      return state
    }
    case 'concurrency':
      return decodeLeases(at, parts)
  }
}

function decodeLeases(at: number, parts: readonly unknown[]): ConcurrencyState {
  const leases = new Map<string, { until: number; slots: number }>()
  let held = 0
  let first = Number.POSITIVE_INFINITY
  let last = at
  for (let index = 0; index < parts.length; index += 3) {
    const name = parts[index]
    if (typeof name !== 'string') throw new TypeError('invalid lease name')
    const [until, slots] = [numberFrom(parts[index + 1]), nonNegative(numberFrom(parts[index + 2]))]
    leases.set(name, { until, slots })
    held += slots
    first = Math.min(first, until)
    last = Math.max(last, until)
  }
  return { at, leases, held, first, last }
}

type Numbers = [number, number, number]

function numbersFrom(parts: readonly unknown[], count: number): Numbers {
  if (parts.length !== count) throw new TypeError(`expected ${count} numbers, not ${parts.length}`)
  return parts.map(numberFrom) as Numbers
}

function numberFrom(part: unknown): number {
  if (typeof part !== 'number' || !Number.isFinite(part)) throw new TypeError('expected a number')
  return part
}

/** Checks a used amount. A negative one would admit more than the limit. */
function nonNegative(amount: number): number {
  if (amount < 0) throw new TypeError('expected a non-negative amount')
  return amount
}
