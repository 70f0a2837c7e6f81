import { lowerCase } from './lower-case.js'
import type { PatternSegment, RoutePattern } from './route-pattern.js'

/** Finds the route of a request. */
export interface Router<T> {
  /**
   * Finds the first entry that matches, in their order; undefined if none does.
   *
   * @param method upper case, as Node reports it
   * @param segments decoded, as `parseTarget` returns them
   * @returns the value of the entry, and its parameters in their original case, without a prototype
   */
  find(method: string, segments: readonly string[]): Match<T> | undefined
}

interface Match<T> {
  readonly value: T
  readonly params: Record<string, string>
}

interface Entry<T> {
  readonly pattern: RoutePattern
  readonly value: T
}

/**
 * Creates a router in which the first matching entry wins.
 *
 * Entries are indexed by the number of segments, and those of one length by the segment that
 * distinguishes most of them. A request is compared with few entries, however many routes there
 * are.
 */
export function createRouter<T>(entries: readonly Entry<T>[]): Router<T> {
  // One more than the longest: only patterns with a rest match there, as for all longer paths.
  const last = 1 + Math.max(0, ...entries.map(({ pattern }) => pattern.segments.length))
  const byLength = Array.from({ length: last + 1 }, (_, length) =>
    layOut(entries.filter(({ pattern }) => fitsLength(pattern, length))),
  )
  return {
    find(method, segments) {
      const lowered = segments.map(lowerCase)
      const { place, byText, others } = byLength[Math.min(segments.length, last)] as Layout<T>
      for (const { pattern, value } of byText.get(lowered[place] ?? '') ?? others) {
        if (!takesMethod(pattern, method)) continue
        if (!pattern.segments.every((segment, index) => matches(segment, lowered[index]))) continue
        return { value, params: paramsOf(pattern, segments) }
      }
      return undefined
    },
  }
}

/** Entries indexed by one of their segments. */
interface Layout<T> {
  readonly place: number
  /** Entries that may match a path with this segment, in their order. */
  readonly byText: ReadonlyMap<string, readonly Entry<T>[]>
  /** Entries that may match a path with any other segment. */
  readonly others: readonly Entry<T>[]
}

function layOut<T>(entries: readonly Entry<T>[]): Layout<T> {
  const longest = Math.max(0, ...entries.map(({ pattern }) => pattern.segments.length))
  const textsAt = Array.from({ length: longest }, (_, place) => literalsAt(entries, place))
  const most = Math.max(0, ...textsAt.map((texts) => texts.size))
  const place = Math.max(
    0,
    textsAt.findIndex((texts) => texts.size === most),
  )
  const others = entries.filter((entry) => literalAt(entry, place) === undefined)
  const byText = new Map<string, readonly Entry<T>[]>()
  for (const text of textsAt[place] ?? [])
    byText.set(
      text,
      entries.filter((entry) => [text, undefined].includes(literalAt(entry, place))),
    )
  return { place, byText, others }
}

function literalsAt<T>(entries: readonly Entry<T>[], place: number): Set<string> {
  return new Set(entries.flatMap((entry) => literalAt(entry, place) ?? []))
}

/** The literal at one place; undefined if any segment matches there. */
function literalAt<T>({ pattern }: Entry<T>, place: number): string | undefined {
  const segment = pattern.segments[place]
  return segment?.kind === 'literal' ? segment.text : undefined
}

/**
 * Reports whether `earlier` matches every request that `later` matches, so that `later` is
 * unreachable after it.
 */
export function shadowedBy(earlier: RoutePattern, later: RoutePattern): boolean {
  if (later.method === undefined ? earlier.method !== undefined : !takesMethod(earlier, later.method)) {
    return false
  }
  // A pattern with a rest matches paths of any length; one without does not.
  if (later.rest && !earlier.rest) return false
  if (!fitsLength(earlier, fewestSegments(later))) return false
  return earlier.segments.every((segment, index) => {
    const other = later.segments[index]
    return other !== undefined && covers(segment, other)
  })
}

function takesMethod(pattern: RoutePattern, method: string): boolean {
  return (
    pattern.method === undefined ||
    pattern.method === method ||
    (pattern.method === 'GET' && method === 'HEAD')
  )
}

function fewestSegments(pattern: RoutePattern): number {
  // `/*` alone matches `/`.
  return pattern.segments.length + (pattern.rest && pattern.segments.length > 0 ? 1 : 0)
}

function fitsLength(pattern: RoutePattern, length: number): boolean {
  return pattern.rest ? length >= fewestSegments(pattern) : length === pattern.segments.length
}

/** @param text lower case */
function matches(segment: PatternSegment, text: string | undefined): boolean {
  if (text === undefined) return false
  if (segment.kind === 'literal') return segment.text === text
  return text.length > segment.suffix.length && text.endsWith(segment.suffix)
}

/** Reports whether `segment` matches everything that `other` matches. */
function covers(segment: PatternSegment, other: PatternSegment): boolean {
  if (other.kind === 'literal') return matches(segment, other.text)
  return segment.kind === 'param' && other.suffix.endsWith(segment.suffix)
}

function paramsOf(pattern: RoutePattern, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = Object.create(null)
  for (const [index, segment] of pattern.segments.entries()) {
    if (segment.kind !== 'param') continue
    const text = segments[index] ?? ''
    params[segment.name] = text.slice(0, text.length - segment.suffix.length)
  }
  return params
}
