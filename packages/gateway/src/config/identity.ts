import { clientAddressReader } from 'sluice/http'
import { jwtVerifier } from 'sluice/jwt'
import { z } from 'zod'
import type { IdentityConfig, ProxyHeaders } from './config.js'
import type { ConfigNode } from './yaml/node.js'
import type { Problems } from './yaml/problems.js'
import { listOf, made, mapOf, type Read, single } from './yaml/reading.js'
import { text, wholeNumber, yesOrNo } from './yaml/scalars.js'

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

const readFields = mapOf(
  {
    trusted_proxies: listOf(network, 'a list of addresses and networks such as [10.0.0.0/8]', 1000),
    ipv6_subnet: wholeNumber(1, 128),
    api_keys: text('keys.yaml'),
    jwt: readJwt,
    forward_credentials: yesOrNo,
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
    jwt,
    forward_credentials: forwardCredentials = true,
  } = values
  const place = entries.get('forward_credentials')?.value
  if (place !== undefined && !entries.has('api_keys') && !entries.has('jwt'))
    problems.at(
      place,
      "'forward_credentials' is for those of 'api_keys' or 'jwt', and there are none; name one of them, or leave this out",
    )
  const proxyHeaders = readProxyHeaders(values.proxy_headers, trustedProxies.length > 0, node, problems)
  return {
    trustedProxies,
    ipv6Subnet,
    ...(apiKeys !== undefined && { apiKeys }),
    ...(jwt !== undefined && { jwt }),
    ...(proxyHeaders !== undefined && { proxyHeaders }),
    ...(!forwardCredentials && { forwardCredentials }),
  }
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
