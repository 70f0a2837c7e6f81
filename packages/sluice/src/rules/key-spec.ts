import { allOf, andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError, relocate } from '../option-error.js'
import type { Client } from './client.js'
import { cookieValue } from './cookie.js'
import { addressForSecret, combinedKey, plainKey, secretKey } from './key.js'
import { labelNameProblem, labelOf } from './labels.js'

/**
 * The name of a key.
 *
 * - `client`: the client of the request, or the address of an anonymous request.
 * - `ip`: the IP address of the client.
 * - `route`: the template of the route, never the concrete path.
 * - `everyone`: one key for all requests.
 * - `header:NAME`: the value of a header, or the address if it is absent. Both are stored as
 *   digests.
 * - `cookie:NAME`: the value of a cookie, or the address if it is absent or empty. Both are stored
 *   as digests. Names are case-sensitive. Spellings that some server reads as one value, such as
 *   `a`, `"a"` and `%61`, are one key. A request whose cookies of that name differ is an error.
 *   Clients choose their cookies, so such a rule needs a second one by `ip`.
 * - `client.NAME`: a label of the client, such as `client.org`. A list counts as one key. The rule does
 *   not apply to anonymous requests, nor to clients without the label.
 */
export type NamedKey =
  | 'ip'
  | 'client'
  | 'route'
  | 'everyone'
  | `header:${string}`
  | `cookie:${string}`
  | `client.${string}`

/**
 * One part of a key: a name, or a function of the request. A finite number or bigint that it returns
 * counts as its decimal string: 7 and '7' are one key. A function shared by adjacent rules is
 * called once per request. A function compiled from an expression may carry the expression as
 * `source`, which then identifies unnamed rules.
 */
export type KeyPart<Request> =
  | NamedKey
  | ((request: Request, client: Client | undefined) => MaybePromise<string | number | bigint>)

/** The key that a rule counts by: one part, or several combined. */
export type KeySpec<Request> = KeyPart<Request> | readonly KeyPart<Request>[]

/** Reads the named keys from a request. */
export interface KeySources<Request> {
  /** Returns the client's address in canonical form. */
  ip(request: Request): string
  /** Returns the method and template of the route. */
  route(request: Request): string
  /** Returns the value of a header by its lower-case name. */
  header(request: Request, name: string): string | undefined
}

/** Computes the key of a request, in the form that stores receive. */
export type KeyFor<Request> = (request: Request, client: Client | undefined) => MaybePromise<string>

/**
 * Compiles the `by` of a rule.
 *
 * @param hasClients whether requests can have a client
 * @throws TypeError for a name that is unknown, or that cannot be read from the requests.
 */
export function compileKey<Request>(
  spec: KeySpec<Request> | undefined,
  sources: KeySources<Request> | undefined,
  hasClients: boolean,
): KeyFor<Request> {
  if (spec === undefined) return compileKey(defaultKey(sources, hasClients), sources, hasClients)
  if (spec === ownKey) return ownKey
  if (!Array.isArray(spec)) return compilePart(spec as KeyPart<Request>, sources, hasClients)
  if (spec.length === 0)
    throw new OptionTypeError([], "'by' is an empty list; use 'everyone' to count all requests under one key")
  const parts = spec.map((part: KeyPart<Request>, index) =>
    relocate(
      () => compilePart(part, sources, hasClients),
      () => [index],
    ),
  )
  const [only] = parts
  return only !== undefined && parts.length === 1
    ? only
    : (request, client) => andThen(allOf(parts.map((part) => part(request, client))), combinedKey)
}

/** Returns the default `by`: the client, or the request itself for a limiter of plain keys. */
export function defaultKey<Request>(
  sources: KeySources<Request> | undefined,
  hasClients: boolean,
): KeySpec<Request> {
  return sources === undefined && !hasClients ? ownKey : 'client'
}

/** Returns the key of a request to a limiter of plain keys. */
function ownKey(request: unknown): string {
  if (typeof request !== 'string') {
    throw new TypeError(`without 'by', the request must be the key itself (a string), not ${typeof request}`)
  }
  return plainKey(request)
}

function compilePart<Request>(
  part: KeyPart<Request>,
  sources: KeySources<Request> | undefined,
  hasClients: boolean,
): KeyFor<Request> {
  if (typeof part === 'function')
    return (request, client) => andThen(toMaybePromise(part(request, client)), userKey)
  if (part === 'everyone') return () => 'everyone'
  if (part === 'client' && hasClients)
    return (request, client) => (client === undefined ? addressOf(request, sources) : clientKey(client))
  const label = labelIn(part)
  if (label !== undefined) return labelKey(label, hasClients)
  if (sources === undefined) {
    throw new OptionTypeError(
      [],
      `'by: ${String(part)}' works only with an HTTP adapter; here 'by' must be 'everyone' or a function of the request`,
    )
  }
  switch (part) {
    case 'ip':
    case 'client':
      return (request) => sources.ip(request)
    case 'route':
      return (request) => plainKey(sources.route(request))
  }
  const [, kind, name] = HEADER_OR_COOKIE.exec(String(part)) ?? []
  if (kind === undefined || name === undefined) {
    throw new OptionTypeError(
      [],
      `unknown key '${String(part)}'; use ip, client, route, everyone, header:NAME, cookie:NAME, client.LABEL or a function`,
    )
  }
  const secretOf = kind === 'header' ? headerReader(sources, name) : cookieReader(sources, name)
  return (request) => {
    const secret = secretOf(request)
    return secret === undefined ? addressForSecret(sources.ip(request)) : secretKey(secret)
  }
}

const LABEL = 'client.'

/** Returns the name of the label that a part counts by; undefined if it counts by something else. */
function labelIn<Request>(part: KeyPart<Request>): string | undefined {
  return typeof part === 'string' && part.startsWith(LABEL) ? part.slice(LABEL.length) : undefined
}

/** Returns the names of the labels that a key consists of. */
export function labelsIn<Request>(by: KeySpec<Request>): readonly string[] {
  return partsOf(by).flatMap((part) => labelIn(part) ?? [])
}

/**
 * Reports whether a rule counts several clients under one key: by `everyone`, `route` or labels. A
 * function that is combined with a label divides the pool.
 */
export function isPool<Request>(by: KeySpec<Request>): boolean {
  const parts = partsOf(by)
  const isShared = (part: KeyPart<Request>) =>
    part === 'everyone' || part === 'route' || labelIn(part) !== undefined
  const hasLabel = labelsIn(by).length > 0
  return parts.every((part) => isShared(part) || (hasLabel && typeof part === 'function'))
}

function partsOf<Request>(by: KeySpec<Request>): readonly KeyPart<Request>[] {
  return Array.isArray(by) ? by : [by as KeyPart<Request>]
}

/** The rule applies only to clients with the label, so its key is computed only for them. */
function labelKey<Request>(name: string, hasClients: boolean): KeyFor<Request> {
  const problem = labelNameProblem(name)
  if (problem !== undefined)
    throw new OptionTypeError([], name === 'id' ? "'client.id' is not a label; use 'client'" : problem)
  if (!hasClients)
    throw new OptionTypeError(
      [],
      `'by: ${LABEL}${name}' needs the labels of clients, which the option 'client' returns, as in { id: 'acme', labels: { ${name}: '…' } }`,
    )
  return (_, client) => {
    const label = labelOf(client, name)
    if (label === undefined) throw new TypeError(`the client has no label '${name}'`)
    return typeof label === 'string' ? plainKey(label) : combinedKey(label)
  }
}

const HEADER_OR_COOKIE = /^(header|cookie):([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/

function headerReader<Request>(sources: KeySources<Request>, name: string) {
  const header = name.toLowerCase()
  return (request: Request) => sources.header(request, header)
}

function cookieReader<Request>(sources: KeySources<Request>, name: string) {
  return (request: Request) => {
    const cookies = sources.header(request, 'cookie')
    return cookies === undefined ? undefined : cookieValue(cookies, name)
  }
}

/**
 * Returns the key of a client. It prefixes the ID, so that a client whose ID looks like an address does not share that address's
 * key.
 */
export function clientKey({ id }: Pick<Client, 'id'>): string {
  return plainKey(`client ${id}`)
}

function addressOf<Request>(request: Request, sources: KeySources<Request> | undefined): string {
  if (sources !== undefined) return sources.ip(request)
  throw new TypeError('the request is anonymous and has no address to count by')
}

/** Returns the key for the result of a user-supplied function. */
function userKey(key: unknown): string {
  if (typeof key === 'string') return plainKey(key)
  if (typeof key === 'bigint' || Number.isFinite(key)) return plainKey(String(key))
  const returned = typeof key === 'number' || key === null ? String(key) : typeof key
  throw new TypeError(`'by' returned ${returned}; a key must be a string or a finite number`)
}
