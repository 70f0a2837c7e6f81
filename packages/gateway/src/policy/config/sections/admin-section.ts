import { z } from 'zod'
import {
  ADMIN_ROLES,
  type AdminConfig,
  type AdminOidc,
  type AdminToken,
  DEFAULT_TOKEN_NAME,
  hasOperators,
} from '../config.js'
import { type Decoder, listOf, mapOf, oneOrListOf, scalar, transform, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { endpoint, isLoopback } from '../yaml/endpoint.js'
import { hostName, name, string } from '../yaml/scalars.js'
import { sha256Of } from '../yaml/sha256.js'
import { type ConfigNode, entryOf, itemsOf } from '../yaml/yaml-node.js'
import { serverTls } from './tls-section.js'

const tokenHashDecoder = sha256Of('a token', 'sluice token new')
const TOKEN_EXAMPLE = '{ name: ada, role: act, token_sha256: … }'
const MAX_TOKENS = 100

const tokenMap = mapOf(
  { name, role: scalar(z.enum(ADMIN_ROLES), ADMIN_ROLES.join(' or ')), token_sha256: tokenHashDecoder },
  `a map such as ${TOKEN_EXAMPLE}`,
)

const token: Decoder<AdminToken> = withKeysOf(tokenMap, (node, problems) => {
  const values = tokenMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  for (const key of ['name', 'role', 'token_sha256'])
    if (!node.entries.has(key)) problems.at(node, `a token requires '${key}', as in ${TOKEN_EXAMPLE}`)
  const { name, role, token_sha256: hash } = values
  return name === undefined || role === undefined || hash === undefined ? undefined : { name, role, hash }
})

const OIDC_EXAMPLE =
  '{ issuer: https://login.example, audience: sluice, roles_claim: groups, read: [staff], act: [ml-operators] }'

const roles = oneOrListOf(string('ml-operators'), 'a role or a list of roles', 100)

const issuer: Decoder<string> = transform(string('https://login.example'), (url) => {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' }
  // Anyone who can tamper with the provider's responses can sign in, so they must be encrypted.
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return url
  throw new TypeError("'issuer' must be the https URL of the provider, such as https://login.example")
})

const oidcMap = mapOf(
  {
    issuer,
    audience: oneOrListOf(string('sluice'), 'a string or a list of strings', 100),
    roles_claim: string('groups'),
    read: roles,
    act: roles,
  },
  `a map such as ${OIDC_EXAMPLE}`,
)

const oidc: Decoder<AdminOidc> = withKeysOf(oidcMap, (node, problems) => {
  const values = oidcMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  for (const key of ['issuer', 'audience', 'roles_claim'])
    if (!node.entries.has(key)) problems.at(node, `'oidc' requires '${key}', as in ${OIDC_EXAMPLE}`)
  const { issuer, audience, roles_claim: rolesClaim, read = [], act = [] } = values
  if (issuer === undefined || audience === undefined || rolesClaim === undefined) return undefined
  if (read.length + act.length === 0)
    problems.at(node, `'oidc' requires roles in 'read' or 'act', as in ${OIDC_EXAMPLE}`)
  return { issuer, audience, rolesClaim, read, act }
})

const adminMap = mapOf(
  {
    listen: endpoint,
    names: listOf(hostName, 'a list of host names such as [sluice.example]', 100),
    token_sha256: tokenHashDecoder,
    tokens: listOf(token, `a list such as [${TOKEN_EXAMPLE}]`, MAX_TOKENS),
    oidc,
    audit: string('acts.jsonl'),
    tls: serverTls,
  },
  'a map such as { listen: 127.0.0.1:8081, token_sha256: … }',
)

export const DEFAULT_ADMIN: AdminConfig = { host: '127.0.0.1', port: 8081 }

/** Decodes `admin`: `off`, a listen address, or a map of its settings. */
export const decodeAdmin: Decoder<AdminConfig | 'off'> = withKeysOf(adminMap, (node, problems) => {
  if (node.kind === 'scalar' && (node.value === false || node.value === 'off')) return 'off'
  const problemsBefore = problems.count
  const {
    listen,
    names,
    token_sha256: tokenHash,
    tokens,
    oidc: operators,
    audit,
    tls,
  } = (node.kind === 'map' ? adminMap(node, problems) : { listen: endpoint(node, problems) }) ?? {}
  const admin = {
    ...(listen ?? DEFAULT_ADMIN),
    ...(names !== undefined && { names }),
    ...(tokenHash !== undefined && { tokenHash }),
    ...(tokens !== undefined && tokens.length > 0 && { tokens }),
    ...(operators !== undefined && { oidc: operators }),
    ...(audit !== undefined && { audit }),
    ...(tls !== undefined && { tls }),
  }
  if (problems.count > problemsBefore) return admin
  checkTokens(node, admin, problems)
  const error = unprotectedAdminError(admin)
  if (error !== undefined) problems.at(node, error)
  else if (names !== undefined && !hasOperators(admin))
    problems.at(
      (node.kind === 'map' && node.entries.get('names')?.value) || node,
      "'names' opens the admin port to clients of a proxy and requires 'token_sha256'; `sluice token new` creates one",
    )
  return admin
})

/** Returns an error if an admin port requires a token but has none; otherwise undefined. */
export function unprotectedAdminError(admin: AdminConfig): string | undefined {
  const { host } = admin
  if (isLoopback(host) || hasOperators(admin)) return undefined
  return `an admin port on ${host} is reachable from other machines and requires 'token_sha256'; \`sluice token new\` creates one`
}

/** Reports tokens with the same name, which the audit log could not tell apart, and equal tokens. */
function checkTokens(node: ConfigNode, admin: AdminConfig, problems: Problems): void {
  const names = new Set<string>(admin.tokenHash === undefined ? [] : [DEFAULT_TOKEN_NAME])
  const hashes = new Set<string>(admin.tokenHash === undefined ? [] : [admin.tokenHash])
  const nodes = itemsOf(entryOf(node, 'tokens'))
  for (const [index, { name, hash }] of (admin.tokens ?? []).entries()) {
    const at = nodes[index] ?? node
    if (names.has(name))
      problems.at(
        at,
        `two tokens are called '${name}'${name === DEFAULT_TOKEN_NAME && admin.tokenHash !== undefined ? ", which is the name of 'token_sha256'" : ''}; give each its own 'name'`,
      )
    if (hashes.has(hash)) problems.at(at, `the token of '${name}' is also that of another; create its own`)
    names.add(name)
    hashes.add(hash)
  }
}
