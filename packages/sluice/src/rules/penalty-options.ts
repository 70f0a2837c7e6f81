import type { Penalty } from '../algorithms/penalty.js'
import { formatDuration } from '../limits/format-limit.js'
import { MAX_PERIOD, MIN_PERIOD } from '../limits/limit.js'
import { OptionRangeError, OptionTypeError, relocate } from '../option-error.js'
import { parseDuration } from '../time/duration.js'
import type { ConcurrencyRule, RateRule } from './rule.js'

/** The largest `penaltyGrowth`. */
const MAX_GROWTH = 100

export const PENALTY_OPTIONS = ['penalty', 'penaltyGrowth', 'penaltyMax'] as const

/** @throws OptionTypeError for a rule with `concurrent` that has an option of penalties. */
export function rejectPenalty<Request>(rule: ConcurrencyRule<Request>): void {
  const [option] = PENALTY_OPTIONS.filter((option) => option in rule)
  if (option !== undefined) throw needsRate(option)
}

/**
 * Compiles the penalty of a rule. Undefined if it has none.
 *
 * @throws OptionError that names the invalid option.
 */
export function penaltyOf<Request>(rule: RateRule<Request>): Penalty | undefined {
  const [first] = PENALTY_OPTIONS.filter((option) => rule[option] !== undefined)
  if (first === undefined) return undefined
  const { limit, penalty, penaltyGrowth, penaltyMax } = rule
  const invalid = (option: string, reason: string) => new OptionTypeError([option], reason)
  if (limit !== null && typeof limit === 'object' && limit.algorithm === 'concurrency') throw needsRate(first)
  if (penalty === undefined) throw invalid(first, `'${first}' requires 'penalty', such as penalty: '15m'`)
  if (rule.wait !== undefined)
    throw invalid(
      'penalty',
      "a rule cannot have both 'penalty' and 'wait': a request either waits for the limit or is refused for the penalty; remove one",
    )
  const durationMs = durationOf('penalty', penalty)
  if (penaltyMax === undefined) {
    if (penaltyGrowth === undefined) return { durationMs, growth: 1, maxMs: durationMs }
    throw invalid(
      'penaltyGrowth',
      "'penaltyGrowth' requires 'penaltyMax', the longest penalty, such as penaltyMax: '1d'",
    )
  }
  if (penaltyGrowth === undefined)
    throw invalid(
      'penaltyMax',
      "'penaltyMax' requires 'penaltyGrowth', the factor by which penalties grow, such as penaltyGrowth: 2",
    )
  if (typeof penaltyGrowth !== 'number' || !(penaltyGrowth > 1 && penaltyGrowth <= MAX_GROWTH))
    throw new OptionRangeError(
      ['penaltyGrowth'],
      `'penaltyGrowth' must be a number greater than 1 and at most ${MAX_GROWTH}, not ${String(penaltyGrowth)}`,
    )
  const maxMs = durationOf('penaltyMax', penaltyMax)
  if (maxMs < durationMs)
    throw new OptionRangeError(
      ['penaltyMax'],
      `'penaltyMax' must be at least as long as 'penalty': ${formatDuration(maxMs)} is shorter than ${formatDuration(durationMs)}`,
    )
  return { durationMs, growth: penaltyGrowth, maxMs }
}

function needsRate(option: string): OptionTypeError {
  return new OptionTypeError(
    [option],
    `'${option}' requires a limit over time, such as 10/minute; a slot is free again when its request ends`,
  )
}

function durationOf(option: string, value: number | string): number {
  const milliseconds = relocate(
    () => parseDuration(value),
    () => [option],
  )
  if (milliseconds < MIN_PERIOD || milliseconds > MAX_PERIOD)
    throw new OptionRangeError([option], `'${option}' must be between ${MIN_PERIOD} ms and ten years`)
  return milliseconds
}
