import { crc32 } from 'node:zlib'
import type { State } from '../../algorithms/algorithm.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import { type Count, MAX_COUNTS } from '../../algorithms/usage-counts.js'
import { checkLimit } from '../../limits/check-limit.js'
import type { Limit } from '../../limits/limit.js'
import { StoredValueError } from './memcached-errors.js'
import { decodeState, encodeState } from './state-codec.js'

/** Format of a value, with its version. */
const FORMAT = /^sluice1 ([0-9a-f]{8}) (\[.*\])$/s

/** The state of a key. */
export interface KeyState {
  readonly counts: readonly Count[]
  /** The penalty of the key as a count (`algorithms/penalty.ts`); empty if there is none. */
  readonly penalties: readonly Count[]
}

/** Marks the limit of a penalty. Earlier versions read a penalty as the count of a token bucket. */
const PENALTY_MARK = 'p'

/**
 * Encodes the value of a key: `sluice1 <checksum> [<limit>,<state>]`, with one more limit and state
 * for each further count, and for the penalty. The limit is that of the last take. The checksum also
 * covers the key, so it detects the value of another key as well as a damaged value.
 */
export function encodeValue(key: string, counts: readonly Count[], penalties: readonly Count[] = []): string {
  const parts = [
    ...counts.flatMap(({ limit, state }) => [encodeLimit(limit, state), encodeState(state, limit)]),
    ...penalties.flatMap(({ limit, state }) => [
      [...encodeLimit(limit, state), PENALTY_MARK],
      encodeState(state, limit),
    ]),
  ]
  const json = JSON.stringify(parts, toFinite)
  return `sluice1 ${checksum(key, json)} ${json}`
}

/**
 * Decodes the value of a key.
 *
 * @throws StoredValueError for a value that `encodeValue` did not write for this key.
 */
export function decodeValue(key: string, value: unknown): KeyState {
  const [, sum, json] = (typeof value === 'string' && FORMAT.exec(value)) || []
  if (sum === undefined || json === undefined || checksum(key, json) !== sum) throw unreadable(key)
  try {
    const parts = JSON.parse(json) as unknown[][]
    const isPenalized = parts.at(-2)?.[4] === PENALTY_MARK
    const size = isPenalized ? parts.length - 2 : parts.length
    if (size % 2 !== 0 || size > 2 * MAX_COUNTS)
      throw new TypeError(`expected at most ${MAX_COUNTS} pairs of a limit and its state`)
    const all = Array.from({ length: parts.length / 2 }, (_, index): Count => {
      const written = parts[2 * index] as unknown[]
      // The mark of a penalty is where the initial units of a token bucket are.
      const limitPart = 2 * index >= size ? written.slice(0, -1) : written
      const limit = decodeLimit(limitPart)
      return { limit, state: decodeState(parts[2 * index + 1] as unknown[], limit, limitPart[3]) }
    })
    return { counts: all.slice(0, size / 2), penalties: all.slice(size / 2) }
  } catch (cause) {
    throw unreadable(key, cause)
  }
}

function unreadable(key: string, cause?: unknown): StoredValueError {
  const message = `the value of '${key}' in Memcached is damaged or was not written by this store; delete it or choose another prefix`
  return new StoredValueError(message, { cause })
}

function checksum(key: string, json: string): string {
  return crc32(json, crc32(key)).toString(16).padStart(8, '0')
}

/** Replaces an infinite debt, which JSON cannot represent. */
function toFinite(_name: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : value
}

/** Letters that denote the algorithms in stored values. */
const ALGORITHM_LETTERS = {
  'token-bucket': 't',
  'fixed-window': 'f',
  'sliding-window': 'w',
  'sliding-log': 'l',
  concurrency: 'c',
} as const

function encodeLimit(limit: Limit, state: State): readonly (string | number)[] {
  const letter = ALGORITHM_LETTERS[limit.algorithm]
  switch (limit.algorithm) {
    case 'token-bucket':
      return limit.initial === undefined
        ? [letter, limit.limit, limit.period, limit.burst]
        : [letter, limit.limit, limit.period, limit.burst, limit.initial]
    case 'fixed-window':
      return limit.align === 'calendar'
        ? [letter, limit.limit, limit.period, limit.timeZone ?? 'UTC']
        : [letter, limit.limit, limit.period]
    case 'concurrency':
      return [letter, limit.limit, limit.lease]
    case 'sliding-log': {
      // The longest retention period of the entries, and its end, replace the period of the limit.
      const { keptFor, keptUntil } = state as SlidingLogState
      return keptUntil > 0 ? [letter, limit.limit, keptFor, keptUntil] : [letter, limit.limit, keptFor]
    }
    default:
      return [letter, limit.limit, limit.period]
  }
}

/** @throws TypeError, RangeError for anything but an encoded limit. */
function decodeLimit([letter, ...parts]: readonly unknown[]): Limit {
  const [limit, period, last, initial] = parts as [number, number, unknown, unknown]
  switch (letter) {
    case 't':
      return checkLimit({
        algorithm: 'token-bucket',
        limit,
        period,
        burst: last as number,
        ...(initial !== undefined && { initial: initial as number }),
      })
    case 'f':
      return checkLimit({
        algorithm: 'fixed-window',
        limit,
        period,
        ...(last !== undefined && { align: 'calendar', timeZone: last as string }),
      })
    case 'w':
      return checkLimit({ algorithm: 'sliding-window', limit, period })
    case 'l':
      return checkLimit({ algorithm: 'sliding-log', limit, period })
    case 'c':
      return checkLimit({ algorithm: 'concurrency', limit, lease: period })
    default:
      throw new TypeError(`unknown algorithm ${String(letter)}`)
  }
}
