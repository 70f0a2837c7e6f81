import { lowerCase } from './lower-case.js'

/**
 * A route pattern, such as `POST /models/:model/predict`, `/v1/*` or `GET /`.
 *
 * - A pattern without a method matches every method; a pattern for GET also matches HEAD.
 * - A literal segment matches in any case, since upstreams such as Express ignore case.
 * - `:name` matches one segment and keeps its case. `:model:predict` matches a segment that ends in
 *   `:predict`, as model servers write verbs, and names the part before it.
 * - `*` as the last segment matches one or more segments; `/*` also matches `/`.
 */
export interface RoutePattern {
  /** The pattern as written. */
  readonly source: string
  /** Upper case; undefined for every method. */
  readonly method: string | undefined
  /** The segments without the final `*`. */
  readonly segments: readonly PatternSegment[]
  /** True if the pattern ends in `*`. */
  readonly rest: boolean
}

export type PatternSegment =
  | { readonly kind: 'literal' /** Lower case. */; readonly text: string }
  | {
      readonly kind: 'param'
      readonly name: string
      /** The required ending of the segment, lower case; usually `''`. */
      readonly suffix: string
    }

/** Thrown for an invalid pattern. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
  /** @param at index of the error in the pattern, from 0 */
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message)
  }
}

/** One character of a token (RFC 9110 section 5.6.2). */
const TOKEN_CHARACTER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]$/
const PARAM_NAME = /^[A-Za-z_][A-Za-z0-9_]*/

/** Characters that a literal cannot contain, with the reason and the alternative. */
const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ['%', 'a percent sign: write the character itself, since paths are decoded before they are matched'],
  ['?', 'a query: only the path is matched, so leave it out'],
  ['#', 'a fragment: only the path is matched, so leave it out'],
  [';', 'a ;parameter: parameters are ignored when a path is matched'],
  ['\\', 'a backslash: only / separates segments'],
  ['*', 'a * inside a segment: * must be the whole last segment, and matches the rest of the path'],
])

/**
 * Parses a pattern.
 *
 * @throws PatternError with the index of the error
 */
export function parsePattern(source: string): RoutePattern {
  const { method, path, pathAt } = splitMethod(source)
  const segments: PatternSegment[] = []
  const names = new Set<string>()
  let at = pathAt + 1
  const pieces = path.slice(1).split('/')
  // A trailing slash is ignored, as in requests.
  if (pieces.at(-1) === '') pieces.pop()
  for (const [index, piece] of pieces.entries()) {
    if (piece === '*') {
      if (index < pieces.length - 1) {
        throw new PatternError(
          '* matches the rest of the path, so nothing can follow it; :name matches one segment',
          at,
        )
      }
      return { source, method, segments, rest: true }
    }
    const segment = parseSegment(piece, at)
    if (segment.kind === 'param') {
      if (names.has(segment.name)) {
        throw new PatternError(`the parameter :${segment.name} occurs twice; give each its own name`, at)
      }
      names.add(segment.name)
    }
    segments.push(segment)
    at += piece.length + 1
  }
  return { source, method, segments, rest: false }
}

function splitMethod(source: string): { method: string | undefined; path: string; pathAt: number } {
  const trimmed = source.trimEnd()
  const start = trimmed.search(/\S/)
  if (start === -1) throw new PatternError('a route is a path such as /predict or POST /predict', 0)
  if (trimmed[start] === '/') return { method: undefined, path: trimmed.slice(start), pathAt: start }

  const word = /^\S+/.exec(trimmed.slice(start))?.[0] ?? ''
  const pathAt = start + word.length + trimmed.slice(start + word.length).search(/\S|$/)
  if (pathAt === trimmed.length) {
    throw new PatternError('a path begins with a slash: /predict, or POST /predict for one method', start)
  }
  if (trimmed[pathAt] !== '/') throw new PatternError('a path begins with a slash, such as /predict', pathAt)
  if (word === '*') throw new PatternError('omit the method to match every method', start)
  for (const [index, character] of [...word].entries()) {
    if (TOKEN_CHARACTER.test(character)) continue
    throw new PatternError(
      `${JSON.stringify(word)} is not a method; write one such as GET or POST`,
      start + index,
    )
  }
  return { method: word.toUpperCase(), path: trimmed.slice(pathAt), pathAt }
}

/** Parses one segment, which begins at `at`. */
function parseSegment(piece: string, at: number): PatternSegment {
  if (piece === '') throw new PatternError('two slashes with nothing between them never match; write one', at)
  if (piece === '.' || piece === '..') {
    throw new PatternError('. and .. are resolved before a path is matched; write the resolved path', at)
  }
  if (!piece.startsWith(':')) return { kind: 'literal', text: parseLiteral(piece, at) }

  const name = PARAM_NAME.exec(piece.slice(1))?.[0] ?? ''
  if (name === '') {
    throw new PatternError('a parameter needs a name of letters, digits and _, such as :model', at)
  }
  const suffix = piece.slice(1 + name.length)
  const suffixAt = at + 1 + name.length
  if (suffix !== '' && (suffix.length === 1 || !suffix.startsWith(':'))) {
    throw new PatternError(
      `the parameter :${name} must be followed by a slash, a verb such as :predict, or the end; names contain only letters, digits and _`,
      suffixAt,
    )
  }
  return { kind: 'param', name, suffix: parseLiteral(suffix, suffixAt) }
}

/** Checks a literal, which begins at `at`, and converts it to lower case. */
function parseLiteral(text: string, at: number): string {
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index)
    const reason = FORBIDDEN.get(character)
    if (reason !== undefined) throw new PatternError(`a route path cannot contain ${reason}`, at + index)
    if (/\s/.test(character) || character < ' ' || character === '\x7f') {
      throw new PatternError(
        'a route path cannot contain spaces or control characters; a parameter such as :name matches a segment that contains them',
        at + index,
      )
    }
  }
  return lowerCase(text)
}
