import { clientAddressReader } from 'sluice/http'
import { jwtVerifier } from 'sluice/jwt'
import { z } from 'zod'
import { headerName as aboutHeader } from '../../headers/header-name.js'
import { namesUser } from '../../headers/steering-headers.js'
import type { ForwardedIdentity, IdentityConfig, ProxyHeaders } from '../config.js'
import { listOf, made, mapOf, type Read, single } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { text, wholeNumber, yesOrNo } from '../yaml/scalars.js'
import type { ConfigNode, MapNode } from '../yaml/yaml-node.js'

/** `identity`: how a client's address is read, and how it says who it is. */

const JWKS = 'https://login.example/jwks.json'

export const DEFAULT_IDENTITY: IdentityConfig = { trustedProxies: [], ipv6Subnet: 64 }

const network: Read<string> = made(text('10.0.0.0/8'), (proxy) => {
  clientAddressReader({ trustedProxies: [proxy] })
  return proxy
})

/** @param example a text that would do */
function textOrTexts(example: string): Read<readonly string[]> {
  const one = text(example)
  return (node, problems) =>
    node.kind === 'list'
      ? listOf(one, 'a text or a list of texts', 100)(node, problems)
      : optionalList(one(node, problems))
}

function optionalList(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value]
}

const headerName: Read<string> = single(
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/)
    .transform((name) => name.toLowerCase()),
  'the name of a header such as X-Client-Id',
)

/** Headers whose meaning is fixed: the gateway or HTTP itself writes or reads them. */
const TAKEN: ReadonlySet<string> = new Set(['authorization', 'cookie', 'user-agent', 'accept', 'set-cookie'])

/** A header that the gateway may give a meaning of its own. */
const ownHeader: Read<string> = made(headerName, (name) => {
  if (TAKEN.has(name) || name.startsWith('content-') || !(aboutHeader(name).toUpstream || namesUser(name)))
    throw new TypeError(`'${name}' has a meaning of its own; choose another header, such as X-Client-Id`)
  return name
})

const readFields = mapOf(
  {
    trusted_proxies: listOf(network, 'a list of addresses and networks such as [10.0.0.0/8]', 1000),
    ipv6_subnet: wholeNumber(1, 128),
    api_keys: text('keys.yaml'),
    api_key_headers: listOf(ownHeader, 'a list of headers such as [x-goog-api-key]', 10),
    jwt: readJwt,
    forward_credentials: yesOrNo,
    forward: mapOf(
      { client: ownHeader, tier: ownHeader },
      'a map such as { client: X-Client-Id, tier: X-User-Tier }',
    ),
    proxy_headers: mapOf(
      { client: headerName, tier: headerName },
      'a map such as { client: X-Client-Id, tier: X-Client-Tier }',
    ),
  },
  'a map such as { trusted_proxies: [10.0.0.0/8] }',
)

export const readIdentity: Read<IdentityConfig> = (node, problems) => {
  const values = readFields(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  const { entries } = node
  const {
    trusted_proxies: trustedProxies = [],
    ipv6_subnet: ipv6Subnet = 64,
    api_keys: apiKeys,
    api_key_headers: apiKeyHeaders,
    jwt,
    forward,
    forward_credentials: forwardCredentials = true,
  } = values
  const place = entries.get('forward_credentials')?.value
  if (place !== undefined && !entries.has('api_keys') && !entries.has('jwt'))
    problems.at(
      place,
      "'forward_credentials' is for those of 'api_keys' or 'jwt', and there are none; name one of them, or leave this out",
    )
  const headersPlace = entries.get('api_key_headers')?.value
  if (headersPlace !== undefined && !entries.has('api_keys'))
    problems.at(
      headersPlace,
      "'api_key_headers' says where 'api_keys' are shown, and there are none; name their file",
    )
  checkForward(forward, node, problems)
  const proxyHeaders = readProxyHeaders(values.proxy_headers, trustedProxies.length > 0, node, problems)
  return {
    trustedProxies,
    ipv6Subnet,
    ...(apiKeys !== undefined && { apiKeys }),
    ...(apiKeyHeaders !== undefined && { apiKeyHeaders }),
    ...(jwt !== undefined && { jwt }),
    ...(forward !== undefined && { forward }),
    ...(proxyHeaders !== undefined && { proxyHeaders }),
    ...(!forwardCredentials && { forwardCredentials }),
  }
}

/** What is forwarded has to be known, and each in a header of its own. */
function checkForward(forward: ForwardedIdentity | undefined, node: MapNode, problems: Problems): void {
  const place = node.entries.get('forward')?.value
  if (forward === undefined || place === undefined) return
  const knows = ['api_keys', 'jwt', 'proxy_headers'].some((name) => node.entries.has(name))
  if (!knows)
    problems.at(
      place,
      "'forward' tells who the client is, and nothing says so; name 'api_keys', 'jwt' or 'proxy_headers'",
    )
  if (forward.client === undefined && forward.tier === undefined && problems.count === 0)
    problems.at(place, "'forward' names a header for 'client', 'tier' or both, as in { client: X-Client-Id }")
  if (forward.client !== undefined && forward.client === forward.tier)
    problems.at(place, "'client' and 'tier' of 'forward' are the same header; give each one of its own")
}

function readProxyHeaders(
  headers: { readonly client?: string; readonly tier?: string } | undefined,
  trusts: boolean,
  node: ConfigNode,
  problems: Problems,
): ProxyHeaders | undefined {
  if (headers === undefined) return undefined
  const place = (node.kind === 'map' && node.entries.get('proxy_headers')?.value) || node
  const { client, tier } = headers
  if (client === undefined) {
    if (place.kind === 'map' && !place.entries.has('client'))
      problems.at(place, "'proxy_headers' names the header of the 'client', as in { client: X-Client-Id }")
    return undefined
  }
  if (!trusts)
    problems.at(
      place,
      "'proxy_headers' are believed of 'trusted_proxies' only, and there are none; name the proxies there",
    )
  return { client, ...(tier !== undefined && { tier }) }
}

const jwks: Read<string> = made(text(JWKS), (url) => {
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: '' }
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError(
      `'jwks' is the URL of the keys that tokens are signed with; write for example ${JWKS}`,
    )
  return url
})

const readJwtFields = mapOf(
  {
    jwks,
    audience: textOrTexts('my-api'),
    issuer: textOrTexts('https://login.example'),
    algorithms: textOrTexts('RS256'),
    client: text('sub'),
    tier: text('plan'),
  },
  'a map such as { jwks: https://…/jwks.json, audience: my-api, client: sub, tier: plan }',
)

function readJwt(node: ConfigNode, problems: Problems): IdentityConfig['jwt'] {
  const values = readJwtFields(node, problems)
  if (values === undefined) return undefined
  const { jwks, audience } = values
  if (jwks === undefined || audience === undefined) {
    if (problems.count === 0) problems.at(node, `'jwt' wants ${missing(jwks)}`)
    return undefined
  }
  const options = { ...values, jwks, audience }
  try {
    // Made and thrown away for what it says of the options; it fetches keys at its first use.
    jwtVerifier(options)
    return options
  } catch (error) {
    problems.at(node, (error as Error).message)
    return undefined
  }
}

function missing(jwks: string | undefined): string {
  if (jwks === undefined) return `'jwks', the URL of the keys that tokens are signed with, such as ${JWKS}`
  return "'audience', for whom the tokens are, such as my-api; without it a token for anybody would do"
}
