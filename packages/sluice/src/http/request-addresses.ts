import { type ClientAddressOptions, clientAddressReader, type RequestOrigin } from './client-address.js'

/** How a framework is configured to find the clients behind proxies. */
export interface FrameworkProxies {
  /** The application whose setting this is. A warning about it is emitted once. */
  readonly app: object
  /** The setting, such as "'trust proxy' of Express", and a safe value for it. */
  readonly setting: string
  readonly example: string
  /** The header that the framework reads, in lower case. */
  readonly header: string
  /** The number of trusted proxies that this request passed through, from the peer on. */
  readonly hops: number
  /** True if every sender is trusted, so that a client chooses its own address. */
  readonly trustsEveryone: boolean
}

/** Reads what determines the address of a client from the requests of a framework. */
export interface AddressAccess<Request> {
  /** Returns the address of the peer of the connection. */
  peer(request: Request): string | undefined
  /**
   * Returns all lines of a list header, such as `X-Forwarded-For`, joined with commas.
   *
   * @param name in lower case
   */
  listHeader(request: Request, name: string): string | undefined
  /**
   * Returns the framework's own setting for proxies; undefined if it trusts none. It applies unless
   * the option `trustedProxies` is set.
   */
  proxies?(request: Request): FrameworkProxies | undefined
}

/** Finds the clients of requests. Throws as `ClientAddressReader` does. */
export interface RequestAddresses<Request> {
  /** Returns the client's address in canonical form, with IPv6 addresses reduced to their subnet. */
  clientOf(request: Request): string
  originOf(request: Request): RequestOrigin
}

/**
 * Number of requests through proxies for which the setting of the framework is compared with the
 * option `trustedProxies`. A disagreement shows in the first of them.
 */
const MAX_COMPARISONS = 100

/**
 * Creates the functions that find the clients of requests: by the option `trustedProxies`, or else
 * by the setting of the framework.
 *
 * A setting that trusts every sender is not used, because a client could then choose its address.
 *
 * @throws TypeError, RangeError for an invalid option
 */
export function requestAddresses<Request>(
  options: ClientAddressOptions,
  access: AddressAccess<Request>,
): RequestAddresses<Request> {
  const reader = clientAddressReader(options)
  const usesFramework = options.trustedProxies === undefined
  let comparisonsLeft = usesFramework || access.proxies === undefined ? 0 : MAX_COMPARISONS

  const compare = (request: Request, peer: string | undefined, forwarded: string) => {
    comparisonsLeft--
    const proxies = access.proxies?.(request)
    if (proxies === undefined || proxies.header !== reader.header) return
    const hops = proxies.trustsEveryone ? Number.POSITIVE_INFINITY : proxies.hops
    if (reader.clientOf(peer, forwarded) === reader.clientOf(peer, forwarded, hops)) return
    comparisonsLeft = 0
    warnOnce(
      proxies.app,
      `'trustedProxies' and ${proxies.setting} find different clients for the same request. The limits use 'trustedProxies'; give both the same value, or remove 'trustedProxies' to use ${proxies.setting}.`,
    )
  }

  const read = <T>(
    request: Request,
    find: (peer: string | undefined, forwarded: string | undefined, hops?: number) => T,
  ): T => {
    const peer = access.peer(request)
    if (!usesFramework) {
      // Without proxies, the header is not read, because the first access makes Node build its
      // headers object.
      const forwarded = reader.isBehindProxies ? access.listHeader(request, reader.header) : undefined
      if (comparisonsLeft > 0 && forwarded !== undefined) compare(request, peer, forwarded)
      return find(peer, forwarded)
    }
    const proxies = access.proxies?.(request)
    if (proxies === undefined) return find(peer, undefined)
    if (!proxies.trustsEveryone) return find(peer, access.listHeader(request, proxies.header), proxies.hops)
    warnOnce(
      proxies.app,
      `${proxies.setting} trusts every sender, so a client can choose its address with a header. The limits therefore count by the address of the connection. Trust only your own proxies: set ${proxies.example}, or 'trustedProxies' of the limit.`,
    )
    return find(peer, undefined)
  }
  return {
    clientOf: (request) => read(request, reader.clientOf),
    originOf: (request) => read(request, reader.originOf),
  }
}

/** Applications with a warning. */
const warned = new WeakSet<object>()

function warnOnce(app: object, message: string): void {
  if (warned.has(app)) return
  warned.add(app)
  process.emitWarning(message, { type: 'SluiceWarning', code: 'SLUICE_TRUST_PROXY' })
}

/** Addresses of documentation and of the Internet, which no list of proxies contains. */
const STRANGERS = ['192.0.2.1', '2001:db8::1', '198.51.100.1', '203.0.113.1', '2001:db8:1::1']

/** A position behind more proxies than any deployment has. */
const FAR = 1000

const trustsAll = new WeakMap<object, boolean>()

/**
 * Reports whether a framework trusts every sender.
 *
 * @param setting the object that stands for the setting; the result is cached for it
 * @param trusts reports whether the framework trusts an address at a distance from the server
 */
export function trustsEveryone(setting: object, trusts: (address: string, hop: number) => boolean): boolean {
  const cached = trustsAll.get(setting)
  if (cached !== undefined) return cached
  const result = STRANGERS.every((address) => trusts(address, FAR))
  trustsAll.set(setting, result)
  return result
}
