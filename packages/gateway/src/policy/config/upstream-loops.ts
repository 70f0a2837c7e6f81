import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { Endpoint } from './config.js'
import type { Problems } from './yaml/diagnostics.js'
import { isLoopback } from './yaml/endpoint.js'
import type { ConfigNode } from './yaml/yaml-node.js'

/**
 * Warns of an upstream that is the gateway itself, or its admin port. It may be told from the addresses and names of this machine
 * alone; what names of others lead back to it is found when the first request does (508).
 *
 * @param node where the upstream is named
 */
export function warnOfOwnUpstream(
  node: ConfigNode,
  upstream: string,
  { listen, admin }: { readonly listen: Endpoint; readonly admin: Endpoint | undefined },
  problems: Problems,
): void {
  if (!URL.canParse(upstream)) return
  const { hostname: host, port, protocol } = new URL(upstream)
  const target = { host: bare(host), port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }
  if (leadsTo(target, listen))
    problems.warn(
      node,
      "'upstream' is the address that this gateway listens on, so that every request is answered with 508; write the address of the model server",
    )
  else if (admin !== undefined && leadsTo(target, admin))
    problems.warn(
      node,
      "'upstream' is the admin port of this gateway, which would be open to all clients; write the address of the model server",
    )
}

/** Whether a connection to `target` reaches what listens on `endpoint` of this machine. */
function leadsTo(target: Endpoint, endpoint: Endpoint): boolean {
  if (endpoint.port === 0 || target.port !== endpoint.port) return false
  const host = bare(endpoint.host)
  if (target.host === host) return true
  // A connection to no address in particular goes to this machine.
  const toLoopback = isLoopback(target.host) || isAny(target.host)
  if (isAny(host)) return toLoopback || isOwn(target.host)
  if (isLoopback(host))
    return toLoopback && (isIP(target.host) === 0 || isIP(host) === 0 || isAny(target.host))
  return isOwn(target.host) && isIP(target.host) === 0
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Whether a host is a name or an address of this machine. */
function isOwn(host: string): boolean {
  if (host === hostname().toLowerCase()) return true
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.some(({ address }) => address === host)
}

/** A host without brackets and final dot; an IPv4 address in the form of IPv6 as IPv4. */
function bare(host: string): string {
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
