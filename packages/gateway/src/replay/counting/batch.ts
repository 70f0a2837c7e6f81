import type { Outcome } from '../engine/played.js'

/**
 * What a replay tells whoever counts, many requests at a time: numbers, and what is no number in the order in which the numbers speak of
 * it. So it goes from one thread to another at the cost of two copies.
 */
export interface Batch {
  /** Which of the replays that read a trace together tells it. */
  readonly replay: number
  readonly numbers: Float64Array<ArrayBuffer>
  /** How many of the numbers are told. */
  readonly used: number
  readonly things: readonly unknown[]
}

/** Numbers of a batch: 128 KB, and some 400 requests with three rules. With four times as many a replay takes a tenth longer, since they fit into no cache. */
export const BATCH = 16_384

/**
 * What each number of a batch is that comes first of what is told; the numbers and things that belong to it follow.
 *
 * `RULE`, a thing: rules have places from 0 in the order in which they are told. `LIMIT_OF`, a place and the number of a limit: it is the rule's from
 * now on. `LIMIT`, `TIER` and `REASON`, a number and a thing: the number stands for that from now on. `QUOTA`: how the request that is told next
 * stands with a rule.
 */
export const ORIGIN = 0
export const RULE = 1
export const LIMIT_OF = 2
export const LIMIT = 3
export const TIER = 4
export const REASON = 5
export const QUOTA = 6
export const DECIDED = 7
export const SETTLED = 8
export const ENDED = 9

/** In place of the number of a tier or a reason: there is none. */
export const NONE_SAID = -1

/** How requests come out, by their numbers in a batch. */
export const OUTCOMES: readonly Outcome['kind'][] = [
  'allowed',
  'refused',
  'unlimited',
  'forbidden',
  'invalid',
  'unrouted',
]
