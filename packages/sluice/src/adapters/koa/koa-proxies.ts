import type { Context } from 'koa'
import type { FrameworkProxies } from '../../http/request-addresses.js'

/** Returns the setting `app.proxy` of Koa; undefined if it trusts no proxy. */
export function koaProxies({ app }: Context): FrameworkProxies | undefined {
  const { proxy, maxIpsCount, proxyIpHeader } = app
  if (!proxy) return undefined
  return {
    app,
    setting: "'proxy' of Koa",
    example: 'maxIpsCount: 1 for one proxy',
    header: proxyIpHeader.toLowerCase(),
    hops: maxIpsCount,
    // Koa then takes the first entry of the header, which the client sent.
    trustsEveryone: maxIpsCount === 0,
  }
}
