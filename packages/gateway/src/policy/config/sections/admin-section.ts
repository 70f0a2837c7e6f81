import { z } from 'zod'
import type { AdminConfig, Endpoint } from '../config.js'
import { listOf, made, mapOf, type Read, single } from '../yaml/decoders.js'
import { isLoopback, parseEndpoint } from '../yaml/endpoint.js'
import { text } from '../yaml/scalars.js'
import { sha256Of } from '../yaml/sha256.js'

/** Reads an address to listen on. */
export const endpoint: Read<Endpoint> = made(
  single(z.union([z.string(), z.int().min(0)]), 'an address to listen on, such as 127.0.0.1:8081'),
  (value) => parseEndpoint(String(value)),
)

const hostName: Read<string> = single(
  z
    .string()
    .regex(/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i)
    .transform((name) => name.toLowerCase()),
  'the name of a host alone, such as sluice.example',
)

const readMap = mapOf(
  {
    listen: endpoint,
    names: listOf(hostName, 'a list of names such as [sluice.example]', 100),
    token_sha256: sha256Of('a token', 'sluice token new'),
    audit: text('acts.jsonl'),
  },
  'a map such as { listen: 127.0.0.1:8081, token_sha256: … }',
)

export const DEFAULT_ADMIN: AdminConfig = { host: '127.0.0.1', port: 8081 }

/** Reads `admin`: `off`, an address, or a map of an address and the digest of the token. */
export const readAdmin: Read<AdminConfig | 'off'> = (node, problems) => {
  if (node.kind === 'scalar' && (node.value === false || node.value === 'off')) return 'off'
  const before = problems.count
  const {
    listen,
    names,
    token_sha256: tokenHash,
    audit,
  } = (node.kind === 'map' ? readMap(node, problems) : { listen: endpoint(node, problems) }) ?? {}
  const admin = {
    ...(listen ?? DEFAULT_ADMIN),
    ...(names !== undefined && { names }),
    ...(tokenHash !== undefined && { tokenHash }),
    ...(audit !== undefined && { audit }),
  }
  const open = problems.count === before ? openToOthers(admin) : undefined
  if (open !== undefined) problems.at(node, open)
  else if (names !== undefined && tokenHash === undefined && problems.count === before)
    problems.at(
      (node.kind === 'map' && node.entries.get('names')?.value) || node,
      "who reaches the proxy before it reaches an admin port with 'names': that wants a 'token_sha256', which `sluice token new` makes",
    )
  return admin
}

/** What is wrong with an admin port that others reach; undefined where nothing is. */
export function openToOthers({ host, tokenHash }: AdminConfig): string | undefined {
  if (isLoopback(host) || tokenHash !== undefined) return undefined
  return `an admin port on ${host} is open to others and wants a 'token_sha256', which \`sluice token new\` makes`
}
