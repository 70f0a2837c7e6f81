import { clientAddressReader, type ForwardedHeader } from 'sluice/http'
import { labelNameProblem } from 'sluice/internal'
import { jwtVerifier } from 'sluice/jwt'
import { z } from 'zod'
import { headerName as headerPolicyOf } from '../../headers/header-name.js'
import { namesUser } from '../../headers/steering-headers.js'
import type { KnownLabels } from '../cel/expression-scope.js'
import {
  type ForwardedIdentity,
  type IdentityConfig,
  type KeysSource,
  keysSourceOf,
  type ProxyHeaders,
  type StoreConfig,
} from '../config.js'
import {
  type Decoder,
  listOf,
  mapOf,
  oneOrListOf,
  recordOf,
  scalar,
  transform,
  withKeysOf,
} from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { boolean, integer, string } from '../yaml/scalars.js'
import { type ConfigNode, entryOf, type MapNode } from '../yaml/yaml-node.js'
import { networkList } from './network-list.js'

const EXAMPLE_JWKS = 'https://login.example/jwks.json'
const DEFAULT_IPV6_SUBNET = 64

export const DEFAULT_IDENTITY: IdentityConfig = { trustedProxies: [], ipv6Subnet: DEFAULT_IPV6_SUBNET }

const PROXIES = 'a list of addresses and networks such as [10.0.0.0/8], or the number of proxies'
const networks = networkList(PROXIES)
const proxyCount = transform(scalar(z.number(), PROXIES), (count) => {
  clientAddressReader({ trustedProxies: count })
  return count
})

/** Decodes the proxies in front of the gateway: their addresses and networks, or their number. */
const trustedProxies: Decoder<readonly string[] | number> = (node, problems) =>
  node.kind === 'scalar' ? proxyCount(node, problems) : networks(node, problems)

const forwardedHeader: Decoder<ForwardedHeader> = scalar(
  z
    .string()
    .toLowerCase()
    .pipe(z.enum(['x-forwarded-for', 'forwarded'])),
  "'X-Forwarded-For' or 'Forwarded'",
)

function oneOrMoreStrings(example: string): Decoder<readonly string[]> {
  return oneOrListOf(string(example), 'a string or a list of strings', 100)
}

const headerName: Decoder<string> = scalar(
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/)
    .transform((name) => name.toLowerCase()),
  'the name of a header such as X-Client-Id',
)

/** Headers that HTTP or the gateway itself reads or writes. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['authorization', 'cookie', 'user-agent', 'accept', 'set-cookie'],
])

/** Decodes the name of a header that has no meaning to HTTP or the gateway. */
const customHeader: Decoder<string> = transform(headerName, (name) => {
  const isForwarded = headerPolicyOf(name).toUpstream || namesUser(name)
  if (RESERVED.has(name) || name.startsWith('content-') || !isForwarded)
    throw new TypeError(`'${name}' is reserved; choose another header, such as X-Client-Id`)
  return name
})

/** Maximum number of labels of a client. */
const MAX_LABELS = 32

/**
 * Creates the decoder of the sources of labels, by the name of the label.
 *
 * @param source decodes a claim or a header
 */
function labelSources(source: Decoder<string>, example: string): Decoder<Readonly<Record<string, string>>> {
  const sources = recordOf(source, `a map such as ${example}`, MAX_LABELS)
  return withKeysOf(sources, (node, problems) => {
    for (const [name, { keyStart }] of node.kind === 'map' ? node.entries : []) {
      const problem = labelNameProblem(name)
      if (problem !== undefined) problems.add(keyStart, problem)
    }
    const values = sources(node, problems)
    return values && { ...values }
  })
}

const jwksUrl: Decoder<string> = transform(string(EXAMPLE_JWKS), (url) => {
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: '' }
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError(
      `'jwks' must be the URL of the keys that sign the tokens; write, for example, ${EXAMPLE_JWKS}`,
    )
  return url
})

const jwtMap = mapOf(
  {
    jwks: jwksUrl,
    audience: oneOrMoreStrings('my-api'),
    issuer: oneOrMoreStrings('https://login.example'),
    algorithms: oneOrMoreStrings('RS256'),
    client: string('sub'),
    tier: string('plan'),
    labels: labelSources(string('org'), '{ org: realm_access.org, team: team }'),
  },
  'a map such as { jwks: https://…/jwks.json, audience: my-api, client: sub, tier: plan }',
)

const decodeJwt: Decoder<IdentityConfig['jwt']> = withKeysOf(jwtMap, (node, problems) => {
  const values = jwtMap(node, problems)
  if (values === undefined) return undefined
  const { jwks, audience } = values
  if (jwks === undefined || audience === undefined) {
    if (problems.count === 0) problems.at(node, missingInJwt(jwks))
    return undefined
  }
  const options = { ...values, jwks, audience }
  try {
    // Creating a verifier validates the options; it fetches keys on its first use.
    jwtVerifier(options)
    return options
  } catch (error) {
    problems.at(node, (error as Error).message)
    return undefined
  }
})

function missingInJwt(jwks: string | undefined): string {
  return jwks === undefined
    ? `'jwt' requires 'jwks', the URL of the keys that sign the tokens, such as ${EXAMPLE_JWKS}`
    : "'jwt' requires 'audience', such as my-api; without it, tokens for other services would be accepted"
}

const keysSource: Decoder<KeysSource> = transform(string('keys.yaml'), keysSourceOf)

const identityMap = mapOf(
  {
    trusted_proxies: trustedProxies,
    forwarded_header: forwardedHeader,
    ipv6_subnet: integer(1, 128),
    api_keys: keysSource,
    api_key_headers: listOf(customHeader, 'a list of headers such as [x-goog-api-key]', 10),
    jwt: decodeJwt,
    forward_credentials: boolean,
    forward: mapOf(
      { client: customHeader, tier: customHeader },
      'a map such as { client: X-Client-Id, tier: X-User-Tier }',
    ),
    proxy_headers: mapOf(
      { client: headerName, tier: headerName, labels: labelSources(headerName, '{ org: X-Client-Org }') },
      'a map such as { client: X-Client-Id, tier: X-Client-Tier }',
    ),
  },
  'a map such as { trusted_proxies: [10.0.0.0/8] }',
)

/** Decodes `identity`: how client addresses are determined and how clients are authenticated. */
export const decodeIdentity: Decoder<IdentityConfig> = withKeysOf(identityMap, (node, problems) => {
  const values = identityMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  const {
    trusted_proxies: trustedProxies = [],
    forwarded_header: forwardedHeader,
    ipv6_subnet: ipv6Subnet = DEFAULT_IPV6_SUBNET,
    api_keys: apiKeys,
    api_key_headers: apiKeyHeaders,
    jwt,
    forward,
    forward_credentials: forwardCredentials = true,
  } = values
  checkCredentialKeys(node, problems)
  checkForward(forward, node, problems)
  const hasProxies = typeof trustedProxies === 'number' ? trustedProxies > 0 : trustedProxies.length > 0
  const proxyHeaders = checkedProxyHeaders(values.proxy_headers, hasProxies, node, problems)
  const headerNode = node.entries.get('forwarded_header')?.value
  if (headerNode !== undefined && !hasProxies)
    problems.at(
      headerNode,
      "'forwarded_header' requires 'trusted_proxies', since only their headers are trusted; list the proxies",
    )
  return {
    trustedProxies,
    ipv6Subnet,
    ...(forwardedHeader !== undefined && { forwardedHeader }),
    ...(apiKeys !== undefined && { apiKeys }),
    ...(apiKeyHeaders !== undefined && { apiKeyHeaders }),
    ...(jwt !== undefined && { jwt }),
    ...(forward !== undefined && { forward }),
    ...(proxyHeaders !== undefined && { proxyHeaders }),
    ...(!forwardCredentials && { forwardCredentials }),
  }
})

/** Reports settings that apply to credentials if the file configures no such credentials. */
function checkCredentialKeys({ entries }: MapNode, problems: Problems): void {
  const forwardCredentials = entries.get('forward_credentials')?.value
  if (forwardCredentials !== undefined && !entries.has('api_keys') && !entries.has('jwt'))
    problems.at(
      forwardCredentials,
      "'forward_credentials' requires 'api_keys' or 'jwt'; add one, or remove 'forward_credentials'",
    )
  const apiKeyHeaders = entries.get('api_key_headers')?.value
  if (apiKeyHeaders !== undefined && !entries.has('api_keys'))
    problems.at(
      apiKeyHeaders,
      "'api_key_headers' requires 'api_keys'; add 'api_keys', or remove 'api_key_headers'",
    )
}

function checkForward(
  forward: ForwardedIdentity | undefined,
  { entries }: MapNode,
  problems: Problems,
): void {
  const forwardNode = entries.get('forward')?.value
  if (forward === undefined || forwardNode === undefined) return
  const identifiesClients = ['api_keys', 'jwt', 'proxy_headers'].some((key) => entries.has(key))
  if (!identifiesClients)
    problems.at(
      forwardNode,
      "'forward' requires identified clients; add 'api_keys', 'jwt' or 'proxy_headers', or remove 'forward'",
    )
  if (forward.client === undefined && forward.tier === undefined && problems.count === 0)
    problems.at(forwardNode, "'forward' requires 'client', 'tier' or both, as in { client: X-Client-Id }")
  if (forward.client !== undefined && forward.client === forward.tier)
    problems.at(forwardNode, "'client' and 'tier' of 'forward' are the same header; use two headers")
}

/** Returns the headers of a trusted proxy, or undefined if they are incomplete. */
function checkedProxyHeaders(
  headers: Partial<ProxyHeaders> | undefined,
  hasTrustedProxies: boolean,
  node: MapNode,
  problems: Problems,
): ProxyHeaders | undefined {
  if (headers === undefined) return undefined
  const headersNode = node.entries.get('proxy_headers')?.value ?? node
  const { client, tier, labels } = headers
  if (client === undefined) {
    if (headersNode.kind === 'map' && !headersNode.entries.has('client'))
      problems.at(headersNode, "'proxy_headers' requires 'client', as in { client: X-Client-Id }")
    return undefined
  }
  if (!hasTrustedProxies)
    problems.at(
      headersNode,
      "'proxy_headers' requires 'trusted_proxies', since only their headers are trusted; list the proxies",
    )
  checkDistinct({ client, ...(tier !== undefined && { tier }), ...labels }, headersNode, problems)
  return { client, ...(tier !== undefined && { tier }), ...(labels && { labels }) }
}

/** Reports a header from which labels and another member of the client would both be read. */
function checkDistinct(
  headers: Readonly<Record<string, string>>,
  node: ConfigNode,
  problems: Problems,
): void {
  const seen = new Map<string, string>()
  for (const [member, header] of Object.entries(headers)) {
    const other = seen.get(header)
    if (other !== undefined && !['client', 'tier'].includes(member))
      problems.at(
        entryOf(entryOf(node, 'labels'), member) ?? node,
        `'${header}' is the header of '${other}' already; use another header`,
      )
    seen.set(header, member)
  }
}

/** Returns the labels that the sources of a configuration can give clients. */
export function knownLabels(
  identity: ConfigNode | undefined,
  inKeysFile: readonly string[] | undefined,
): KnownLabels {
  const sources = ['jwt', 'proxy_headers'].flatMap((key) => entryOf(entryOf(identity, key), 'labels') ?? [])
  const names = sources.flatMap((source) => (source.kind === 'map' ? [...source.entries.keys()] : []))
  const hasKeys = entryOf(identity, 'api_keys') !== undefined
  return {
    names: [...new Set([...names, ...(inKeysFile ?? [])])],
    ...(hasKeys && { apiKeys: inKeysFile === undefined ? 'unread' : 'read' }),
  }
}

/** Reports keys that are to be kept in a store that cannot keep them. */
export function checkKeysSource(
  node: ConfigNode | undefined,
  { apiKeys }: IdentityConfig,
  store: StoreConfig,
  problems: Problems,
): void {
  if (apiKeys?.kind !== 'store' || store.kind === 'redis') return
  const at = node?.kind === 'map' ? (node.entries.get('api_keys')?.value ?? node) : node
  const found = store.kind === 'memory' ? 'the store is the memory of the gateway' : 'Memcached may drop them'
  if (at !== undefined)
    problems.at(
      at,
      `'api_keys: store' keeps keys in Redis, but ${found}; set, for example, store: redis://127.0.0.1:6379, or name a file, such as api_keys: keys.yaml`,
    )
}
