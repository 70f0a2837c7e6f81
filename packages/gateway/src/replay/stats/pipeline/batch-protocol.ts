import type { Outcome } from '../../engine/replay-events.js'

/**
 * A batch of messages about a replay, encoded as numbers. Values that are not numbers are listed
 * separately, in the order in which the messages refer to them. Passing a batch to another thread
 * costs two copies.
 */
export interface Batch {
  /** Index of the replay among those that share a pass over a trace. */
  readonly replay: number
  readonly numbers: Float64Array<ArrayBuffer>
  /** Count of numbers in use. */
  readonly used: number
  readonly values: readonly unknown[]
}

/**
 * Numbers per batch: 128 KB, or about 400 requests with three rules. A batch four times as large
 * exceeds the CPU caches and makes a replay 10 % slower.
 */
export const BATCH_LENGTH = 16_384

// Message types. The first number of a message is its type.

/** Milliseconds since the epoch at time 0 of the replay. */
export const ORIGIN = 0
/** A `RuleEvent`, as a value. Rules are numbered from 0 in the order of these messages. */
export const RULE = 1
/** The number of a rule and the number of its new limit. */
export const RULE_LIMIT = 2
/** Assigns a number to a limit, tier or reason, which follows as a value. */
export const LIMIT = 3
export const TIER = 4
export const REASON = 5
/** A `QuotaEvent` of the next decision. Its numbers are those of `QUOTA_FIELDS`. */
export const QUOTA = 6
/** A `DecisionEvent`. Its numbers are those of `DECISION_FIELDS`. */
export const DECISION = 7
/** The id of the open request, the time, and the actual cost in each resource; NaN if it is unknown. */
export const SETTLED = 8
export const SETTLED_RESOURCES = ['tokens', 'input_tokens', 'output_tokens', 'money'] as const
/** The id of the open request and the time. */
export const ENDED = 9
/** The id of the open request, the time, and the added cost in each resource; NaN for none. */
export const EXTENDED = 10
/** A stream has used up its reservation. Has no numbers. */
export const EXHAUSTED = 11

/** Positions of the numbers of a quota, relative to the type. */
export const QUOTA_FIELDS = positions(
  'rule',
  'keyLow',
  'keyHigh',
  'cost',
  'allowed',
  'remaining',
  'overrun',
  'resetAfter',
)

/** Numbers of a quota message, including the type. */
export const QUOTA_LENGTH = lengthOf(QUOTA_FIELDS)

/**
 * Positions of the numbers of a decision, relative to the type. `hasName` is 1 if the name of the
 * sender follows as a value. `tier` and `reason` are numbers, or `NONE`.
 */
export const DECISION_FIELDS = positions(
  'outcome',
  'at',
  'arrivedAt',
  'decidedAt',
  'sender',
  'hasName',
  'tier',
  'tokens',
  'reason',
  'refuser',
  'openId',
)

/** Numbers of a decision message, including the type. */
export const DECISION_LENGTH = lengthOf(DECISION_FIELDS)

/** Denotes that a request has no tier or no reason. */
export const NONE = -1

/** Outcomes of requests, by their numbers in a batch. */
export const OUTCOMES: readonly Outcome['kind'][] = [
  'allowed',
  'refused',
  'unlimited',
  'forbidden',
  'invalid',
  'unrouted',
  'abandoned',
]

function positions<Field extends string>(...fields: readonly Field[]): Readonly<Record<Field, number>> {
  return Object.fromEntries(fields.map((field, index) => [field, index + 1])) as Record<Field, number>
}

function lengthOf(fields: Readonly<Record<string, number>>): number {
  return Object.keys(fields).length + 1
}
