import type { AlgorithmName, Limit } from '../../limits/limit.js'

/** The first instants of the window that holds now, of the next one, and of the one after that. */
export type Borders = readonly [number, number, number]

/** The letters by which the script and its states name the algorithms. */
const LETTER: Record<AlgorithmName, string> = {
  'token-bucket': 't',
  'fixed-window': 'f',
  'sliding-window': 'w',
  'sliding-log': 'l',
  concurrency: 'n',
}

/** A limit as the script reads it. */
export interface ScriptLimit {
  readonly letter: string
  readonly limit: number
  readonly period: number
  readonly burst: number
  /** '' where no calendar counts. */
  readonly zone: string
  readonly windows: Borders | undefined
}

export function scriptLimit(limit: Limit, windows: Borders | undefined): ScriptLimit {
  return {
    letter: LETTER[limit.algorithm],
    limit: limit.limit,
    period: limit.algorithm === 'concurrency' ? limit.lease : limit.period,
    burst: limit.algorithm === 'token-bucket' ? limit.burst : 0,
    zone: windows === undefined ? '' : zoneOf(limit),
    windows,
  }
}

/** The zone whose calendar counts. */
export function zoneOf(limit: Limit): string {
  return (limit.algorithm === 'fixed-window' && limit.timeZone) || 'UTC'
}
