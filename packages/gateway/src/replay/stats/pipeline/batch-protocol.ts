import type { Outcome } from '../../engine/replay-events.js'

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

/*
 * Each thing that is told begins with one of these numbers, and these belong to it: */

/** The time since the epoch at which the replay's is 0. */
export const ORIGIN = 0
/** A `ToldRule`, which is a thing. Rules have places from 0 in the order in which they are told. */
export const RULE = 1
/** The place of a rule, and the number of the limit that it has from now on. */
export const LIMIT_OF = 2
/** A number, and what it stands for from now on, which is a thing: a limit, a tier, a reason. */
export const LIMIT = 3
export const TIER = 4
export const REASON = 5
/** How the request that is told next stands with a rule: a `ToldQuota`, with the place of the rule and without its limit, in the order of its fields. */
export const QUOTA = 6
/**
 * A `Told` in the order of its fields: in place of a name, whether there is one, which is a thing then; in place of a tier and a reason, their numbers, or
 * `NONE_SAID`.
 */
export const DECIDED = 7
/** By what it is held, the time, and the true costs in tokens, input tokens and output tokens. */
export const SETTLED = 8
/** By what it is held, and the time. */
export const ENDED = 9

/** There is no tier, or no reason. */
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
