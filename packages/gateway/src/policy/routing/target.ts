/**
 * A request target in its canonical spelling.
 *
 * The spelling that is matched against routes is also the one that is forwarded, so no other
 * spelling of a path bypasses the limits of that path. A target that upstreams are known to
 * interpret differently (an encoded slash, a backslash, `/..;/`) is refused.
 */
export interface Target {
  /**
   * The normalized path to forward. A trailing slash is kept, since upstreams treat it differently.
   */
  readonly path: string
  /** The query as received, with its `?`; or `''`. */
  readonly query: string
  /** The segments to match: decoded, without `;params` and trailing slash. `/` has none. */
  readonly segments: readonly string[]
}

/**
 * Returns the path as routes match it: decoded, without `;params` and trailing slash. A slash inside
 * a segment, which only the gateway itself can write, stays encoded.
 */
export function decodedPath({ segments }: Pick<Target, 'segments'>): string {
  return `/${segments.map((segment) => segment.replaceAll('/', '%2F')).join('/')}`
}

/** Returns a target with another text as one of the segments of its path. */
export function withSegment(target: Target, index: number, text: string): Target {
  const written = target.path.slice(1).split('/')
  written[index] = encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%40', '@')
  return { ...target, path: `/${written.join('/')}`, segments: target.segments.with(index, text) }
}

/** Thrown for a target that is refused. The message is suitable for the body of a 400 response. */
export class BadTargetError extends Error {
  override readonly name = 'BadTargetError'
}

/** Maximum length of a target in bytes, both as received and as forwarded. */
export const MAX_TARGET_BYTES = 8192

/**
 * A target that is already canonical: no percent sign, no `;`, no empty segment, no segment that
 * begins with a dot. Segments and slashes share no character, so a failed match takes linear time.
 */
const PLAIN = /^(?:\/[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)+\/?(?:\?[!-"$-~]*)?$/

const ABSOLUTE = /^https?:\/\/([^/?\\]*)/i
const SCHEME = /^[a-z][a-z0-9+.-]*:/i
const UNRESERVED = /^[A-Za-z0-9._~-]$/

/** Parts of a path to convert or refuse: `%` with its digits if any, `\`, and non-ASCII bytes. */
const NOTABLE = /%(?:[0-9A-Fa-f]{2})?|\\|[\x80-\xff]/g

/**
 * Parses a request target, as in `request.url` (one character per byte).
 *
 * Resolves dot segments (RFC 3986 section 5.2.4), joins runs of slashes, decodes percent-encoded
 * unreserved characters, upper-cases all other encodings, encodes non-ASCII bytes, and drops the
 * scheme and authority of an absolute target. Idempotent, in linear time.
 *
 * @throws BadTargetError that states the problem and its position
 */
export function parseTarget(rawUrl: string): Target {
  checkLength(rawUrl.length)
  if (PLAIN.test(rawUrl)) return plainTarget(rawUrl)

  checkCharacters(rawUrl)
  const target = withoutAuthority(rawUrl)
  const queryAt = target.indexOf('?')
  const query = queryAt === -1 ? '' : target.slice(queryAt)
  const { path, segments } = normalizePath(queryAt === -1 ? target : target.slice(0, queryAt))
  checkLength(path.length + query.length)
  return { path, query, segments }
}

function plainTarget(url: string): Target {
  const queryAt = url.indexOf('?')
  const path = queryAt === -1 ? url : url.slice(0, queryAt)
  const segments = path.slice(1, path.endsWith('/') ? -1 : undefined).split('/')
  return { path, query: queryAt === -1 ? '' : url.slice(queryAt), segments }
}

function checkLength(length: number): void {
  if (length <= MAX_TARGET_BYTES) return
  throw new BadTargetError(`The request target is longer than ${MAX_TARGET_BYTES} bytes.`)
}

/** Refuses characters that cannot occur anywhere in a target, including the query. */
function checkCharacters(target: string): void {
  for (let at = 0; at < target.length; at += 1) {
    const code = target.charCodeAt(at)
    if (code <= 0x20 || code === 0x7f) {
      const what = code === 0x20 ? 'a space' : 'a control character'
      throw new BadTargetError(`The request target has ${what} at position ${at}; percent-encode it.`)
    }
    if (code > 0xff) {
      throw new BadTargetError(
        `The request target has a character beyond one byte at position ${at}; percent-encode it as UTF-8.`,
      )
    }
    if (code === 0x23) {
      throw new BadTargetError(
        `The request target has a fragment (#) at position ${at}, which clients must not send; encode a literal # as %23.`,
      )
    }
  }
}

/**
 * Returns the authority of an absolute target, without user name; undefined for other targets. It
 * replaces the Host header (RFC 9112 section 3.2.2).
 */
export function authorityOf(rawUrl: string): string | undefined {
  if (rawUrl.startsWith('/')) return undefined
  return ABSOLUTE.exec(rawUrl)?.[1]?.replace(/^.*@/, '')
}

/** Converts a target to origin form, without scheme and authority. */
function withoutAuthority(target: string): string {
  if (target.startsWith('/')) return target
  if (target === '*') {
    throw new BadTargetError('The request target is *, which is not a resource; send a path.')
  }
  const absolute = ABSOLUTE.exec(target)
  if (absolute !== null && absolute[1] !== '') {
    const rest = target.slice(absolute[0].length)
    if (rest === '' || rest.startsWith('?')) return `/${rest}`
    if (rest.startsWith('/')) return rest
  }
  const why = SCHEME.test(target)
    ? 'is neither a path nor an http or https URL with a host'
    : 'does not begin with a slash'
  throw new BadTargetError(`The request target ${why}; send a path such as /predict.`)
}

function normalizePath(rawPath: string): { path: string; segments: string[] } {
  const normalized: string[] = []
  const segments: string[] = []
  let slashAtEnd = false
  let at = 1
  for (const piece of rawPath.slice(1).split('/')) {
    const segment = normalizeSegment(piece, at)
    at += piece.length + 1
    slashAtEnd = segment === '' || segment === '.' || segment === '..'
    if (!slashAtEnd) {
      normalized.push(segment)
      segments.push(matchedName(segment))
    } else if (segment === '..') {
      normalized.pop()
      segments.pop()
    }
  }
  return { path: `/${normalized.join('/')}${slashAtEnd && normalized.length > 0 ? '/' : ''}`, segments }
}

/** Normalizes one segment. @param start its index in the path, for messages */
function normalizeSegment(piece: string, start: number): string {
  return piece.replace(NOTABLE, (found, offset: number) => {
    const where = `at position ${start + offset}`
    if (found === '\\') {
      throw new BadTargetError(`The path has a backslash ${where}; only / separates segments.`)
    }
    if (found === '%') {
      throw new BadTargetError(
        `The path has a percent sign ${where} without two hexadecimal digits; encode the sign itself as %25.`,
      )
    }
    if (!found.startsWith('%')) return `%${found.charCodeAt(0).toString(16).toUpperCase()}`

    const code = Number.parseInt(found.slice(1), 16)
    if (code < 0x20 || code === 0x7f) {
      throw new BadTargetError(`The path has an encoded control character (${found}) ${where}.`)
    }
    if (code === 0x2f || code === 0x5c) {
      const what = code === 0x2f ? 'slash' : 'backslash'
      throw new BadTargetError(
        `The path has an encoded ${what} (${found}) ${where}, which servers interpret differently.`,
      )
    }
    const character = String.fromCharCode(code)
    return UNRESERVED.test(character) ? character : found.toUpperCase()
  })
}

/** Returns the string that patterns match for a normalized segment: decoded, without `;params`. */
function matchedName(segment: string): string {
  const decoded = decode(segment)
  const paramsAt = segment.indexOf(';')
  if (paramsAt === -1) return decoded
  const name = segment.slice(0, paramsAt)
  // Servers that support params read `/..;x/` as `/../` and `/;x/` as `//`; others do not.
  if (name === '' || name === '.' || name === '..') {
    throw new BadTargetError(
      `The path has a segment that is only "${name};" with parameters, which servers interpret differently.`,
    )
  }
  return decode(name)
}

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw new BadTargetError('The path has percent-encoded bytes that are not valid UTF-8.')
  }
}
