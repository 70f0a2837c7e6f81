import { type FrameworkProxies, trustsEveryone } from '../../http/request-addresses.js'

/** The parts of an Express request that `trust proxy` affects. */
export interface ProxiedRequest {
  readonly app?: { readonly settings?: Readonly<Record<string, unknown>> } | undefined
  readonly ips?: readonly string[] | undefined
}

/** Returns the setting `trust proxy` of Express for a request; undefined if it trusts no proxy. */
export function expressProxies(request: ProxiedRequest): FrameworkProxies | undefined {
  const settings = request.app?.settings
  if (!settings?.['trust proxy']) return undefined
  const trusts = settings['trust proxy fn'] as (address: string, hop: number) => boolean
  return {
    app: request.app as object,
    setting: "'trust proxy' of Express",
    example: "app.set('trust proxy', 1) for one proxy, or a list of its addresses",
    header: 'x-forwarded-for',
    // Express lists the addresses that the trusted proxies report.
    hops: request.ips?.length ?? 0,
    trustsEveryone: trustsEveryone(trusts, trusts),
  }
}
