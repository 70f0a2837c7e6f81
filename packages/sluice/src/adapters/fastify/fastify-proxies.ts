import { type FrameworkProxies, trustsEveryone } from '../../http/request-addresses.js'

/** The parts of a Fastify request that `trustProxy` affects. */
export interface ProxiedRequest {
  /** The address of the peer, then those that trusted proxies report. Undefined without proxies. */
  readonly ips?: readonly string[] | undefined
  readonly server?: object | undefined
}

/** Returns the option `trustProxy` of Fastify for a request; undefined if it trusts no proxy. */
export function fastifyProxies(request: ProxiedRequest): FrameworkProxies | undefined {
  const { ips, server } = request
  if (ips === undefined) return undefined
  const prototype: object = Object.getPrototypeOf(request)
  return {
    app: server ?? prototype,
    setting: "'trustProxy' of Fastify",
    example: "trustProxy: '10.0.0.0/8', the addresses of your proxies",
    header: 'x-forwarded-for',
    hops: ips.length - 1,
    trustsEveryone: trustsEveryone(prototype, (address, hop) => trustsAt(prototype, address, hop)),
  }
}

/**
 * Reports whether Fastify trusts an address at a distance. Fastify does not disclose its setting,
 * but its getter computes `ips` for any raw request: here for one from the address, through a chain
 * of the same address.
 */
function trustsAt(prototype: object, address: string, hop: number): boolean {
  const chain = new Array<string>(hop + 1).fill(address).join(', ')
  const socket = { remoteAddress: address }
  const raw = { socket, connection: socket, headers: { 'x-forwarded-for': chain } }
  const ips = Reflect.get(prototype, 'ips', { raw }) as readonly string[]
  return ips.length > hop + 1
}
