import { allOf, andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError, relocate } from '../option-error.js'
import type { Client } from './client.js'
import { addressInPlaceOfSecret, combinedKey, plainKey, secretKey } from './key.js'

/**
 * Whom a rule counts for, by name. `client` is who the request's credentials say it is, and its address where they
 * say nothing; `ip` is always the address; `route` the template of the route, never the concrete path; `everyone`
 * one key for all; `header:NAME` the value of a header, and the address where it is absent, either kept as a digest.
 */
export type NamedKey = 'ip' | 'client' | 'route' | 'everyone' | `header:${string}`

/**
 * One part of a key: a name, or a function of the request. A function that neighbouring rules share is called once for
 * them. One that was compiled from a text may carry it as `source`: unnamed rules are then told apart by the text.
 */
export type KeyPart<Request> =
  | NamedKey
  | ((request: Request, client: Client | undefined) => MaybePromise<string>)

/** Whom a rule counts for: one part, or several that count together. */
export type KeySpec<Request> = KeyPart<Request> | readonly KeyPart<Request>[]

/** How the named keys are read from a request of some kind. */
export interface KeySources<Request> {
  /** The client's address in its one canonical form. */
  ip(request: Request): string
  /** Method and template of the route. */
  route(request: Request): string
  /** The value of a header, by its lower-case name. */
  header(request: Request, name: string): string | undefined
}

/** Whom a request is counted for, as the stores see it. */
export type KeyFor<Request> = (request: Request, client: Client | undefined) => MaybePromise<string>

/**
 * Turns what a rule says into a function from a request, and who sends it, to its key.
 *
 * @param known whether who the client is can be known
 * @throws TypeError for a name that is unknown, or that nobody can read from such requests.
 */
export function compileKey<Request>(
  spec: KeySpec<Request> | undefined,
  sources: KeySources<Request> | undefined,
  known: boolean,
): KeyFor<Request> {
  if (spec === undefined) return compileKey(defaultKey(sources, known), sources, known)
  if (spec === ownKey) return ownKey
  if (!Array.isArray(spec)) return compilePart(spec as KeyPart<Request>, sources, known)
  if (spec.length === 0)
    throw new OptionTypeError([], "'by' is an empty list; write 'everyone' for one key for all")
  const parts = spec.map((part: KeyPart<Request>, index) =>
    relocate(
      () => compilePart(part, sources, known),
      () => [index],
    ),
  )
  const [only] = parts
  return only !== undefined && parts.length === 1
    ? only
    : (request, client) => andThen(allOf(parts.map((part) => part(request, client))), combinedKey)
}

/** Whom a rule without a `by` counts for: the client; a limiter of plain keys is told the key itself. */
export function defaultKey<Request>(
  sources: KeySources<Request> | undefined,
  known: boolean,
): KeySpec<Request> {
  return sources === undefined && !known ? ownKey : 'client'
}

/** The key that a limiter of plain keys is asked about. */
function ownKey(request: unknown): string {
  if (typeof request !== 'string') {
    throw new TypeError(
      `this limiter's rules say no 'by', so it is asked about a key (a string), not ${typeof request}`,
    )
  }
  return plainKey(request)
}

function compilePart<Request>(
  part: KeyPart<Request>,
  sources: KeySources<Request> | undefined,
  known: boolean,
): KeyFor<Request> {
  if (typeof part === 'function')
    return (request, client) => andThen(toMaybePromise(part(request, client)), ownPart)
  if (part === 'everyone') return () => 'everyone'
  if (part === 'client' && known)
    return (request, client) => (client === undefined ? addressOf(request, sources) : clientKey(client))
  if (sources === undefined) {
    throw new OptionTypeError(
      [],
      `'by: ${String(part)}' is known to the adapters; here 'by' is 'everyone' or a function of the request`,
    )
  }
  switch (part) {
    case 'ip':
    case 'client':
      return (request) => sources.ip(request)
    case 'route':
      return (request) => plainKey(sources.route(request))
  }
  const header = /^header:([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/.exec(String(part))?.[1]?.toLowerCase()
  if (header === undefined) {
    throw new OptionTypeError(
      [],
      `unknown key '${String(part)}'; it is ip, client, route, everyone, header:NAME or a function`,
    )
  }
  return (request) => {
    const value = sources.header(request, header)
    return value === undefined ? addressInPlaceOfSecret(sources.ip(request)) : secretKey(value)
  }
}

/** A client may be called like an address; its key must not be that address's. */
function clientKey({ id }: Client): string {
  return plainKey(`client ${id}`)
}

function addressOf<Request>(request: Request, sources: KeySources<Request> | undefined): string {
  if (sources !== undefined) return sources.ip(request)
  throw new TypeError("'client' said nobody, and such requests have no address to be counted by instead")
}

/** The key for what a function of the user's own returned. */
function ownPart(key: unknown): string {
  return plainKey(checkedText(key))
}

function checkedText(key: unknown): string {
  if (typeof key === 'string') return key
  throw new TypeError(`'by' returned ${key === null ? 'null' : typeof key}; a key is a string`)
}
