import { BoundedCache } from 'sluice/internal'
import { foldedName, namesUser, steersUpstream } from './steering-headers.js'

/** What the gateway makes of a header by its name alone. */
export interface HeaderName {
  /** As it was sent. */
  readonly name: string
  /** The name in its one spelling. */
  readonly spelling: string
  /** Lower case, with `-` for all that is no letter or digit: the form in which names are withheld. */
  readonly folded: string
  /** Whether it may cross from the client to the upstream. */
  readonly toUpstream: boolean
  /** Whether it may cross from the upstream to the client. */
  readonly toClient: boolean
}

/** What concerns one connection and not the message (RFC 9110 section 7.6.1). */
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
 * What of a request the gateway answers or writes itself: the length of the body belongs to whoever sends the
 * body, and a client that expects `100 Continue` has it from the gateway.
 */
const REQUEST_ONLY: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'proxy', 'via'])

const RESPONSE_ONLY: ReadonlySet<string> = new Set(['proxy-authenticate', 'proxy-authentication-info'])

/** Names that are remembered, and the longest of them: a client that makes up names must not fill the memory with them. */
const MAX_NAMES = 1000
const MAX_NAME = 64

const known = new BoundedCache<string, HeaderName>(MAX_NAMES)

/**
 * What is to be known of a header's name. The names that come are few and come again: to look one up costs a third of
 * spelling and sorting it anew, at each of the dozen headers of each message.
 */
export function headerName(name: string): HeaderName {
  return known.get(name) ?? remember(name)
}

/** CGI and WSGI read `X_Real_IP` and `X-Real-IP` as the same header, so here they are the same. */
export function sameName(name: string): string {
  return headerName(name).spelling
}

function remember(name: string): HeaderName {
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
    // The body is judged by Content-Type and its like; another spelling of them must not say something else upstream.
    !(folded.startsWith('content-') && folded !== lower)
  const toClient = !hopByHop && !RESPONSE_ONLY.has(folded)
  const about = { name, spelling, folded, toUpstream, toClient }
  if (name.length > MAX_NAME) return about
  known.set(name, about)
  return about
}
