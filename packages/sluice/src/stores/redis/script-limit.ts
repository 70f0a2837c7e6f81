import type { AlgorithmName, Limit } from '../../limits/limit.js'

/** Start times of the current calendar window, of the next one and of the one after that. */
export type WindowBorders = readonly [number, number, number]

/** Letters that denote the algorithms in the script and in stored states. */
const ALGORITHM_LETTERS: Record<AlgorithmName, string> = {
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
  /** The units that a new key of a bucket starts with, if they differ from its burst. */
  readonly initial: number | undefined
  /** Time zone of a calendar limit, else ''. */
  readonly zone: string
  readonly windows: WindowBorders | undefined
}

/** Encodes a limit for the script. */
export function scriptLimit(limit: Limit, windows: WindowBorders | undefined): ScriptLimit {
  return {
    letter: ALGORITHM_LETTERS[limit.algorithm],
    limit: limit.limit,
    period: limit.algorithm === 'concurrency' ? limit.lease : limit.period,
    burst: limit.algorithm === 'token-bucket' ? limit.burst : 0,
    initial: limit.algorithm === 'token-bucket' ? limit.initial : undefined,
    zone: windows === undefined ? '' : zoneOf(limit),
    windows,
  }
}

/** Returns the time zone of a calendar limit. */
export function zoneOf(limit: Limit): string {
  return (limit.algorithm === 'fixed-window' && limit.timeZone) || 'UTC'
}
