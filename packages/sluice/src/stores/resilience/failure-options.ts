import { OptionRangeError, OptionTypeError, relocate, unknownOption } from '../../option-error.js'
import { type Clock, systemClock } from '../../time/clock.js'
import { parseDuration } from '../../time/duration.js'
import { systemTimers, type Timers } from '../../time/timers.js'

/** What decides while the store does not answer. */
export type FailurePolicyName = 'open' | 'closed' | 'local'

/** The store was lost, or is back. */
export interface StoreStateChange {
  /** `open`: it is asked no more but by probes, and the policy decides. `closed`: it decides again. */
  readonly state: 'open' | 'closed'
  readonly policy: FailurePolicyName
  /** What it failed with, where it was lost. */
  readonly cause?: unknown
}

/** A store that works could not decide one request, and the policy did. */
export interface StoreRequestFailure {
  readonly policy: FailurePolicyName
  /** A `StoreRequestError`. */
  readonly cause: Error
}

export interface FailurePolicyOptions {
  /** Default `local`. */
  readonly policy?: FailurePolicyName
  /** How many processes share the store; goes with `local`. Default 1: each gives out the whole limit. */
  readonly peers?: number
  /** Most keys that `local` keeps; default 1,000,000. */
  readonly maxKeys?: number
  /** How long any operation may take: milliseconds from 1 to 60,000, or `250ms`. Default 100. */
  readonly deadline?: number | string
  /** So many failures one after the other count as the loss of the store; default 5. One operation that hangs does too. */
  readonly failures?: number
  /** Most settlements that wait for the store to come back; default 10,000. */
  readonly maxWaiting?: number
  /** Called once when the store is lost and once when it is back. What it throws is ignored. */
  readonly onStateChange?: (change: StoreStateChange) => void
  /**
   * Called for each operation that a store which works could not do, such as one on a key that holds something else. Its
   * message names the key. What it throws is ignored.
   */
  readonly onRequestError?: (failure: StoreRequestFailure) => void
  /** Default: the machine's monotonic clock. */
  readonly clock?: Clock
  /** Spreads the probes of a fleet: from 0 up to 1. Default `Math.random`. */
  readonly random?: () => number
  /** Default: the timers of Node. */
  readonly timers?: Timers
}

/** The options, checked and complete. */
export type Settings = Required<Omit<FailurePolicyOptions, 'maxKeys' | 'deadline'>> & {
  readonly maxKeys: number | undefined
  readonly deadline: number
}

const POLICIES: readonly string[] = ['open', 'closed', 'local'] satisfies FailurePolicyName[]
const OPTIONS: readonly string[] = [
  'policy',
  'peers',
  'maxKeys',
  'deadline',
  'failures',
  'maxWaiting',
  'onStateChange',
  'onRequestError',
  'clock',
  'random',
  'timers',
] satisfies (keyof FailurePolicyOptions)[]
const MAX_DEADLINE = 60_000

/** @throws TypeError, RangeError that name the option which is wrong. */
export function checkOptions(options: FailurePolicyOptions): Settings {
  const {
    policy = 'local',
    peers = 1,
    maxKeys,
    deadline = 100,
    failures = 5,
    maxWaiting = 10_000,
    onStateChange = () => {},
    onRequestError = () => {},
    clock = systemClock,
    random = Math.random,
    timers = systemTimers,
    ...unknown
  } = options
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw unknownOption('a failure policy', extra, OPTIONS)
  if (!POLICIES.includes(policy))
    throw new OptionTypeError(
      ['policy'],
      `'policy' is one of ${POLICIES.join(', ')}, not '${String(policy)}'`,
    )
  if (policy !== 'local' && (options.peers !== undefined || maxKeys !== undefined))
    throw new OptionTypeError(
      [options.peers !== undefined ? 'peers' : 'maxKeys'],
      `'peers' and 'maxKeys' go with the policy 'local', not with '${policy}'`,
    )
  const milliseconds = relocate(
    () => parseDuration(deadline),
    () => ['deadline'],
  )
  if (milliseconds < 1 || milliseconds > MAX_DEADLINE)
    throw new OptionRangeError(
      ['deadline'],
      `'deadline' is between 1 ms and ${MAX_DEADLINE} ms, not ${milliseconds}`,
    )
  checkCount('peers', peers)
  checkCount('failures', failures)
  checkCount('maxWaiting', maxWaiting)
  return {
    policy,
    peers,
    maxKeys,
    deadline: milliseconds,
    failures,
    maxWaiting,
    onStateChange,
    onRequestError,
    clock,
    random,
    timers,
  }
}

function checkCount(option: string, count: number): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new OptionRangeError([option], `'${option}' is a whole number from 1, not ${String(count)}`)
}
