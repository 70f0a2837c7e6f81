import { BoundedCache } from 'sluice/internal'
import { foldedName, namesUser, steersUpstream } from './steering-headers.js'

/** The properties of a header that follow from its name. */
export interface HeaderName {
  /** The name as sent. */
  readonly name: string
  /** Lower case, with `-` for `_`. */
  readonly spelling: string
  /** Lower case, with `-` for every character other than a letter or digit. */
  readonly folded: string
  /** True if the header may be forwarded from the client to the upstream. */
  readonly toUpstream: boolean
  /** True if the header may be forwarded from the upstream to the client. */
  readonly toClient: boolean
}

/** Headers that apply to a single connection (RFC 9110 section 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-connection',
])

/**
 * Request headers that the gateway sets or handles itself. For example, it sets the length of a
 * body that it sends, and responds to `Expect: 100-continue`.
 */
const REQUEST_ONLY: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  'proxy',
  'via',
  'x-request-id',
])

const RESPONSE_ONLY: ReadonlySet<string> = new Set(['proxy-authenticate', 'proxy-authentication-info'])

/** Maximum number of cached names, and their maximum length. Clients can invent names. */
const MAX_NAMES = 1000
const MAX_NAME_LENGTH = 64

const cache = new BoundedCache<string, HeaderName>(MAX_NAMES)

/**
 * Returns the properties of a header name. Names repeat, and reading the cache takes a third of the
 * time needed to derive the properties again.
 */
export function headerName(name: string): HeaderName {
  return cache.get(name) ?? describe(name)
}

/** Returns the spelling used to compare names: CGI and WSGI read `X_Real_IP` as `X-Real-IP`. */
export function comparableName(name: string): string {
  return headerName(name).spelling
}

function describe(name: string): HeaderName {
  const lower = name.toLowerCase()
  const spelling = lower.replaceAll('_', '-')
  const folded = foldedName(name)
  const hopByHop = HOP_BY_HOP.has(folded)
  const toUpstream =
    !hopByHop &&
    !REQUEST_ONLY.has(folded) &&
    !folded.startsWith('proxy-') &&
    !steersUpstream(folded) &&
    !namesUser(folded) &&
    // Another spelling of Content-Type could make the upstream parse the body differently.
    !(folded.startsWith('content-') && folded !== lower)
  const toClient = !hopByHop && !RESPONSE_ONLY.has(folded)
  const described = { name, spelling, folded, toUpstream, toClient }
  if (name.length > MAX_NAME_LENGTH) return described
  cache.set(name, described)
  return described
}
