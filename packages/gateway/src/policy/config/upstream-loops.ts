import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { Endpoint } from './config.js'
import type { Problems } from './yaml/diagnostics.js'
import { isLoopback } from './yaml/endpoint.js'
import type { ConfigNode } from './yaml/yaml-node.js'

/**
 * Warns about an upstream that is the gateway itself or another port of it. Only the addresses and
 * names of this machine are compared. A loop through another name or proxy is detected when the
 * first looping request arrives (508).
 *
 * @param node the node of `upstream`
 */
export function warnOfOwnUpstream(
  node: ConfigNode,
  upstream: string,
  {
    listen,
    admin,
    probes,
  }: Readonly<Record<'admin' | 'probes', Endpoint | undefined>> & { readonly listen: Endpoint },
  problems: Problems,
): void {
  if (!URL.canParse(upstream)) return
  const { hostname: host, port, protocol } = new URL(upstream)
  const target = {
    host: normalizeHost(host),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  }
  if (reaches(target, listen))
    problems.warn(
      node,
      "'upstream' is the address that this gateway listens on, so every request would fail with 508; write the address of the model server",
    )
  else if (admin !== undefined && reaches(target, admin))
    problems.warn(
      node,
      "'upstream' is the admin port of this gateway, which all clients could then reach; write the address of the model server",
    )
  else if (probes !== undefined && reaches(target, probes))
    problems.warn(
      node,
      "'upstream' is the port for probes of this gateway, which all clients could then reach; write the address of the model server",
    )
}

/** Reports whether a connection to `target` reaches a listener on `endpoint` of this machine. */
function reaches(target: Endpoint, endpoint: Endpoint): boolean {
  if (endpoint.port === 0 || target.port !== endpoint.port) return false
  const host = normalizeHost(endpoint.host)
  if (target.host === host) return true
  // A connection to the unspecified address reaches this machine.
  const targetsLoopback = isLoopback(target.host) || isUnspecified(target.host)
  if (isUnspecified(host)) return targetsLoopback || isThisMachine(target.host)
  if (isLoopback(host))
    return targetsLoopback && (isIP(target.host) === 0 || isIP(host) === 0 || isUnspecified(target.host))
  return isThisMachine(target.host) && isIP(target.host) === 0
}

function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Reports whether a host is a name or an address of this machine. */
function isThisMachine(host: string): boolean {
  if (host === hostname().toLowerCase()) return true
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.some(({ address }) => address === host)
}

/** Normalizes a host: no brackets, no final dot, and an IPv4-mapped IPv6 address as IPv4. */
function normalizeHost(host: string): string {
  const plain = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
  const [, high = '', low = ''] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(plain) ?? []
  if (high === '') return plain.replace(/^::ffff:(?=\d+\.)/, '')
  const bytes = [high, low]
    .map((part) => Number.parseInt(part, 16))
    .flatMap((part) => [part >> 8, part & 255])
  return bytes.join('.')
}
