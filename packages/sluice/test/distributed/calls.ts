import type { Rule } from '../../src/rules/rule.js'

export const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/** What a process says of its calls; times in milliseconds. */
export interface Called {
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  /** The last failure. */
  readonly failure: string
  readonly began: number
  readonly ended: number
  readonly wallTime: number
}

/** A rule of each algorithm that lets in `limit` and, for as long as a test runs, no more. */
export function rulesOf(limit: number): readonly (readonly [algorithm: string, rule: Rule<string>])[] {
  return [
    ['token-bucket', { limit: { algorithm: 'token-bucket', limit, period: YEAR, burst: limit } }],
    ['fixed-window', { limit: { algorithm: 'fixed-window', limit, period: YEAR } }],
    ['sliding-window', { limit: { algorithm: 'sliding-window', limit, period: YEAR } }],
    ['sliding-log', { limit: { algorithm: 'sliding-log', limit, period: YEAR } }],
    ['concurrency', { concurrent: limit, lease: HOUR }],
  ]
}

/** What all processes say together. */
export function together(answers: readonly Called[]) {
  const sum = (of: (answer: Called) => number) => answers.reduce((total, answer) => total + of(answer), 0)
  return {
    admitted: sum(({ admitted }) => admitted),
    refused: sum(({ refused }) => refused),
    failed: sum(({ failed }) => failed),
    failure: answers.find(({ failed }) => failed > 0)?.failure ?? '',
    /** Milliseconds from the first call to the last answer. */
    took: Math.max(...answers.map(({ ended }) => ended)) - Math.min(...answers.map(({ began }) => began)),
  }
}
