import type { AdminConfig } from '../config.js'
import { type Decoder, listOf, mapOf, withKeysOf } from '../yaml/decoders.js'
import { endpoint, isLoopback } from '../yaml/endpoint.js'
import { hostName, string } from '../yaml/scalars.js'
import { sha256Of } from '../yaml/sha256.js'
import { serverTls } from './tls-section.js'

const adminMap = mapOf(
  {
    listen: endpoint,
    names: listOf(hostName, 'a list of host names such as [sluice.example]', 100),
    token_sha256: sha256Of('a token', 'sluice token new'),
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
    audit,
    tls,
  } = (node.kind === 'map' ? adminMap(node, problems) : { listen: endpoint(node, problems) }) ?? {}
  const admin = {
    ...(listen ?? DEFAULT_ADMIN),
    ...(names !== undefined && { names }),
    ...(tokenHash !== undefined && { tokenHash }),
    ...(audit !== undefined && { audit }),
    ...(tls !== undefined && { tls }),
  }
  if (problems.count > problemsBefore) return admin
  const error = unprotectedAdminError(admin)
  if (error !== undefined) problems.at(node, error)
  else if (names !== undefined && tokenHash === undefined)
    problems.at(
      (node.kind === 'map' && node.entries.get('names')?.value) || node,
      "'names' opens the admin port to clients of a proxy and requires 'token_sha256'; `sluice token new` creates one",
    )
  return admin
})

/** Returns an error if an admin port requires a token but has none; otherwise undefined. */
export function unprotectedAdminError({ host, tokenHash }: AdminConfig): string | undefined {
  if (isLoopback(host) || tokenHash !== undefined) return undefined
  return `an admin port on ${host} is reachable from other machines and requires 'token_sha256'; \`sluice token new\` creates one`
}
