import { lowerCase } from './lower-case.js'
import type { PatternSegment, RoutePattern } from './route-pattern.js'

/** Finds the route of a request. */
export interface Router<T> {
  /**
   * Finds the first entry that matches; undefined if none matches.
   *
   * @param method upper case, as Node reports it
   * @param segments decoded, as `parseTarget` returns them
   * @returns the value of the entry, and its parameters in their original case, without a prototype
   */
  find(method: string, segments: readonly string[]): Match<T> | undefined
}

interface Match<T> {
  readonly value: T
  readonly pattern: RoutePattern
  readonly params: Record<string, string>
}

interface Entry<T> {
  readonly pattern: RoutePattern
  readonly value: T
}

/**
 * Creates a router in which the first matching entry wins.
 *
 * Entries are indexed by the number of segments, and entries with the same number by the segment
 * that distinguishes most of them. A request is compared with few entries, regardless of the number
 * of routes.
 */
export function createRouter<T>(entries: readonly Entry<T>[]): Router<T> {
  // One more segment than in the longest pattern. Only wildcard patterns match paths of at least
  // this length.
  const last = 1 + Math.max(0, ...entries.map(({ pattern }) => pattern.segments.length))
  const byLength = Array.from({ length: last + 1 }, (_, length) =>
    indexEntries(entries.filter(({ pattern }) => fitsLength(pattern, length))),
  )
  return {
    find(method, segments) {
      const lowerCaseSegments = segments.map(lowerCase)
      const { position, byText, others } = byLength[Math.min(segments.length, last)] as Layout<T>
      for (const { pattern, value } of byText.get(lowerCaseSegments[position] ?? '') ?? others) {
        if (!acceptsMethod(pattern, method)) continue
        if (!pattern.segments.every((segment, index) => matches(segment, lowerCaseSegments[index]))) continue
        return { value, pattern, params: paramsOf(pattern, segments) }
      }
      return undefined
    },
  }
}

/** Entries indexed by one of their segments. */
interface Layout<T> {
  readonly position: number
  /** Entries that may match a path with this segment, in order. */
  readonly byText: ReadonlyMap<string, readonly Entry<T>[]>
  /** Entries that may match a path with any other segment. */
  readonly others: readonly Entry<T>[]
}

function indexEntries<T>(entries: readonly Entry<T>[]): Layout<T> {
  const longest = Math.max(0, ...entries.map(({ pattern }) => pattern.segments.length))
  const textsAt = Array.from({ length: longest }, (_, position) => literalsAt(entries, position))
  const maxTexts = Math.max(0, ...textsAt.map((texts) => texts.size))
  const position = Math.max(
    0,
    textsAt.findIndex((texts) => texts.size === maxTexts),
  )
  const others = entries.filter((entry) => literalAt(entry, position) === undefined)
  const byText = new Map<string, readonly Entry<T>[]>()
  for (const text of textsAt[position] ?? [])
    byText.set(
      text,
      entries.filter((entry) => [text, undefined].includes(literalAt(entry, position))),
    )
  return { position, byText, others }
}

function literalsAt<T>(entries: readonly Entry<T>[], position: number): Set<string> {
  return new Set(entries.flatMap((entry) => literalAt(entry, position) ?? []))
}

/** Returns the literal at a position; undefined if any segment matches there. */
function literalAt<T>({ pattern }: Entry<T>, position: number): string | undefined {
  const segment = pattern.segments[position]
  return segment?.kind === 'literal' ? segment.text : undefined
}

/**
 * Reports whether `earlier` matches every request that `later` matches, so that `later` is
 * unreachable after it.
 */
export function shadows(earlier: RoutePattern, later: RoutePattern): boolean {
  if (later.method === undefined ? earlier.method !== undefined : !acceptsMethod(earlier, later.method)) {
    return false
  }
  // A wildcard pattern matches paths of any length; other patterns match a single length.
  if (later.rest && !earlier.rest) return false
  if (!fitsLength(earlier, minSegments(later))) return false
  return earlier.segments.every((segment, index) => {
    const other = later.segments[index]
    return other !== undefined && covers(segment, other)
  })
}

function acceptsMethod(pattern: RoutePattern, method: string): boolean {
  return (
    pattern.method === undefined ||
    pattern.method === method ||
    (pattern.method === 'GET' && method === 'HEAD')
  )
}

function minSegments(pattern: RoutePattern): number {
  // `/*` alone matches `/`.
  return pattern.segments.length + (pattern.rest && pattern.segments.length > 0 ? 1 : 0)
}

function fitsLength(pattern: RoutePattern, length: number): boolean {
  return pattern.rest ? length >= minSegments(pattern) : length === pattern.segments.length
}

/** @param text in lower case */
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

/** Returns the parameters of a path that a pattern matches, in their original case, without a prototype. */
export function paramsOf(pattern: RoutePattern, segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = Object.create(null)
  for (const [index, segment] of pattern.segments.entries()) {
    if (segment.kind !== 'param') continue
    const text = segments[index] ?? ''
    params[segment.name] = text.slice(0, text.length - segment.suffix.length)
  }
  return params
}
