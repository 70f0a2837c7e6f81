import { EvaluationError } from '@marcbachmann/cel-js'

/** Converts ASCII letters to lower case. As in CEL's specification, other letters are unchanged. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

export function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

/** Unicode's White_Space, which includes U+0085 but not U+FEFF. */
const WHITE_SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

export function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && WHITE_SPACE.test(text.charAt(start))) start += 1
  while (end > start && WHITE_SPACE.test(text.charAt(end - 1))) end -= 1
  return text.slice(start, end)
}

/**
 * Returns the position of a substring, or -1. Here and in the functions below, positions count code
 * points, as in CEL's specification.
 */
export function indexOf(text: string, search: string, from = 0n): bigint {
  if (search === '') return from
  if (from < 0n) throw outOfRange()
  const at = text.indexOf(search, unitAt(text, from) ?? text.length)
  return at === -1 ? -1n : codePointsBefore(text, at)
}

export function lastIndexOf(text: string, search: string, from?: bigint): bigint {
  if (search === '') return from ?? codePointsBefore(text, text.length)
  if (from === undefined) return toCodePoints(text, text.lastIndexOf(search))
  if (from < 0n) throw outOfRange()
  const start = unitAt(text, from)
  if (start === undefined || start === text.length) return -1n
  return toCodePoints(text, text.lastIndexOf(search, start))
}

export function substring(text: string, from: bigint, to?: bigint): string {
  const start = unitAt(text, from)
  const end = to === undefined ? text.length : unitAt(text, to)
  if (start === undefined || end === undefined || end < start) throw outOfRange()
  return text.slice(start, end)
}

function toCodePoints(text: string, at: number): bigint {
  return at === -1 ? -1n : codePointsBefore(text, at)
}

/** Converts an index in code points to UTF-16 code units; undefined if it is out of range. */
function unitAt(text: string, codePoints: bigint): number | undefined {
  if (codePoints < 0n || codePoints > BigInt(text.length)) return undefined
  let at = 0
  for (let count = Number(codePoints); count > 0; count -= 1) {
    if (at >= text.length) return undefined
    at += isSurrogatePair(text, at) ? 2 : 1
  }
  return at
}

function codePointsBefore(text: string, end: number): bigint {
  let count = 0
  for (let at = 0; at < end; at += isSurrogatePair(text, at) ? 2 : 1) count += 1
  return BigInt(count)
}

function isSurrogatePair(text: string, at: number): boolean {
  return (text.codePointAt(at) ?? 0) > 0xffff
}

function outOfRange(): EvaluationError {
  return new EvaluationError({ code: 'index_out_of_range', message: 'an index is out of range' })
}
