import { OptionRangeError, OptionTypeError, relocate, unknownOption } from '../../option-error.js'
import { type Clock, systemClock } from '../../time/clock.js'
import { parseDuration } from '../../time/duration.js'
import { systemTimers, type Timers } from '../../time/timers.js'

/** Decides what happens to requests while the store is unavailable. */
export type FailurePolicyName = 'open' | 'closed' | 'local'

/** A failure or recovery of the store. */
export interface StoreStateChange {
  /**
   * State of the breaker. `open`: the policy decides, and the store receives only probes. `closed`:
   * the store decides.
   */
  readonly state: 'open' | 'closed'
  readonly policy: FailurePolicyName
  /** The error with which the store failed; absent for a recovery. */
  readonly cause?: unknown
}

/** A request that an otherwise working store could not decide. The policy decided it instead. */
export interface StoreRequestFailure {
  readonly policy: FailurePolicyName
  /** A `StoreRequestError`. */
  readonly cause: Error
}

export interface FailurePolicyOptions {
  /** Default `local`. */
  readonly policy?: FailurePolicyName
  /**
   * Number of processes that share the store, for `local`. Default 1: each grants the whole limit.
   */
  readonly peers?: number
  /** Maximum number of keys that `local` stores; default 1,000,000. */
  readonly maxKeys?: number
  /**
   * Timeout of each operation: milliseconds from 1 to 60,000, or a string such as `250ms`. Default
   * 100.
   */
  readonly deadline?: number | string
  /**
   * Number of consecutive errors after which the store counts as failed; default 5. A single
   * timeout has the same effect.
   */
  readonly failures?: number
  /** Maximum number of settlements queued while the store is unavailable; default 10,000. */
  readonly maxWaiting?: number
  /** Called once when the store fails and once when it recovers. Errors it throws are ignored. */
  readonly onStateChange?: (change: StoreStateChange) => void
  /**
   * Called for each operation that fails with a `StoreRequestError`, for example because another
   * program wrote the value of a key. Such an error names the key in its message. Errors that the
   * callback throws are ignored.
   */
  readonly onRequestError?: (failure: StoreRequestFailure) => void
  /** Default: the monotonic clock of the machine. */
  readonly clock?: Clock
  /**
   * Randomizes the delays of probes, so that the processes of a fleet do not all probe at the same
   * time. Returns a number from 0 up to, but not including, 1. Default `Math.random`.
   */
  readonly random?: () => number
  /** Default: Node's timers. */
  readonly timers?: Timers
}

/** The validated options, with defaults. */
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
const MAX_DEADLINE_MS = 60_000

/**
 * Validates the options of a failure policy and adds the defaults.
 *
 * @throws TypeError, RangeError that name the invalid option.
 */
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
      `'policy' must be one of ${POLICIES.join(', ')}, not '${String(policy)}'`,
    )
  if (policy !== 'local' && (options.peers !== undefined || maxKeys !== undefined))
    throw new OptionTypeError(
      [options.peers !== undefined ? 'peers' : 'maxKeys'],
      `'peers' and 'maxKeys' require the policy 'local', not '${policy}'`,
    )
  const milliseconds = relocate(
    () => parseDuration(deadline),
    () => ['deadline'],
  )
  if (milliseconds < 1 || milliseconds > MAX_DEADLINE_MS)
    throw new OptionRangeError(
      ['deadline'],
      `'deadline' must be between 1 ms and ${MAX_DEADLINE_MS} ms, not ${milliseconds}`,
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
    throw new OptionRangeError(
      [option],
      `'${option}' must be a whole number of at least 1, not ${String(count)}`,
    )
}
