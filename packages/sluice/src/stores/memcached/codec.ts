import { crc32 } from 'node:zlib'
import type { State } from '../../algorithms/algorithm.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import { type Count, MAX_COUNTS } from '../../algorithms/usage-counts.js'
import { checkLimit } from '../../limits/check-limit.js'
import type { Limit } from '../../limits/limit.js'
import { StoredValueError } from './memcached-errors.js'
import { stateFrom, stateParts } from './state-codec.js'

/** What tells a value of the store from others, and the version of the form. */
const FORM = /^sluice1 ([0-9a-f]{8}) (\[.*\])$/s

/**
 * A value as it lies in Memcached: `sluice1 <checksum> [<limit>,<state>]`, and a limit and a state more for each further way of
 * counting. The limit is the one that the state was last taken under. The checksum is over the key, too: a damaged
 * value is found out, and so is one that belongs to another key.
 */
export function encodeValue(key: string, counts: readonly Count[]): string {
  const parts = counts.flatMap(({ limit, state }) => [limitParts(limit, state), stateParts(state, limit)])
  const text = JSON.stringify(parts, finite)
  return `sluice1 ${checksum(key, text)} ${text}`
}

/** @throws StoredValueError for whatever `encodeValue` did not write for this key. */
export function decodeValue(key: string, value: unknown): readonly Count[] {
  const [, sum, text] = (typeof value === 'string' && FORM.exec(value)) || []
  if (sum === undefined || text === undefined || checksum(key, text) !== sum) throw unreadable(key)
  try {
    const parts = JSON.parse(text) as unknown[][]
    if (parts.length % 2 !== 0 || parts.length > 2 * MAX_COUNTS)
      throw new TypeError(`not up to ${MAX_COUNTS} limits with a state each`)
    return Array.from({ length: parts.length / 2 }, (_, index): Count => {
      const limitPart = parts[2 * index] as unknown[]
      const limit = limitFrom(limitPart)
      return { limit, state: stateFrom(parts[2 * index + 1] as unknown[], limit, limitPart[3]) }
    })
  } catch (cause) {
    throw unreadable(key, cause)
  }
}

function unreadable(key: string, cause?: unknown): StoredValueError {
  const message = `the value of '${key}' in Memcached is damaged or not of this store; delete it, or choose another prefix`
  return new StoredValueError(message, { cause })
}

function checksum(key: string, text: string): string {
  return crc32(text, crc32(key)).toString(16).padStart(8, '0')
}

/** A debt may be any number, but JSON has no infinite ones. */
function finite(_name: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : value
}

/** Letters for the algorithms; they are in every value. */
const LETTERS = {
  'token-bucket': 't',
  'fixed-window': 'f',
  'sliding-window': 'w',
  'sliding-log': 'l',
  concurrency: 'c',
} as const

function limitParts(limit: Limit, state: State): readonly (string | number)[] {
  const letter = LETTERS[limit.algorithm]
  switch (limit.algorithm) {
    case 'token-bucket':
      return [letter, limit.limit, limit.period, limit.burst]
    case 'fixed-window':
      return limit.align === 'calendar'
        ? [letter, limit.limit, limit.period, limit.timeZone ?? 'UTC']
        : [letter, limit.limit, limit.period]
    case 'concurrency':
      return [letter, limit.limit, limit.lease]
    case 'sliding-log': {
      // The longest period that entries are kept for, and until when, stand in place of the limit's own period.
      const { keptFor, keptUntil } = state as SlidingLogState
      return keptUntil > 0 ? [letter, limit.limit, keptFor, keptUntil] : [letter, limit.limit, keptFor]
    }
    default:
      return [letter, limit.limit, limit.period]
  }
}

/** @throws TypeError, RangeError for parts of no limit. */
function limitFrom([letter, ...parts]: readonly unknown[]): Limit {
  const [limit, period, last] = parts as [number, number, unknown]
  switch (letter) {
    case 't':
      return checkLimit({ algorithm: 'token-bucket', limit, period, burst: last as number })
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
      throw new TypeError(`no algorithm has the letter ${String(letter)}`)
  }
}
