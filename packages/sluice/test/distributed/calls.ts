import type { Rule } from '../../src/rules/rule.js'

export const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/** The calls of one process by outcome. Times are in milliseconds. */
export interface CallCounts {
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  /** The last error as a string; empty if no call failed. */
  readonly failure: string
  readonly began: number
  readonly ended: number
  readonly wallTime: number
}

/** Returns one rule per algorithm. Each admits `limit` requests and recovers none during a test. */
export function rulesOf(limit: number): readonly (readonly [name: string, rule: Rule<string>])[] {
  return [
    ['token-bucket', { limit: { algorithm: 'token-bucket', limit, period: YEAR, burst: limit } }],
    ['fixed-window', { limit: { algorithm: 'fixed-window', limit, period: YEAR } }],
    ['calendar window', { limit: { algorithm: 'fixed-window', limit, period: YEAR, align: 'calendar' } }],
    ['sliding-window', { limit: { algorithm: 'sliding-window', limit, period: YEAR } }],
    ['sliding-log', { limit: { algorithm: 'sliding-log', limit, period: YEAR } }],
    ['concurrency', { concurrent: limit, lease: HOUR }],
  ]
}

/** Sums the counts of all processes. */
export function sumCounts(results: readonly CallCounts[]) {
  const sum = (of: (result: CallCounts) => number) => results.reduce((total, result) => total + of(result), 0)
  return {
    admitted: sum(({ admitted }) => admitted),
    refused: sum(({ refused }) => refused),
    failed: sum(({ failed }) => failed),
    failure: results.find(({ failed }) => failed > 0)?.failure ?? '',
    /** Milliseconds from the first call to the last response. */
    took: Math.max(...results.map(({ ended }) => ended)) - Math.min(...results.map(({ began }) => began)),
  }
}
