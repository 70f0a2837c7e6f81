import type { Client, MaybePromise } from 'sluice'
import { type Identify, identity } from 'sluice/identity'
import type { IdentityConfig, ProxyHeaders } from '../config/config.js'
import type { Log } from '../log.js'
import type { RequestHead } from '../policy/request-head.js'
import { watchKeys } from './watched-keys.js'

/** Finds out who sends a request. */
export interface ClientReader {
  /**
   * Undefined: a visitor.
   *
   * @throws UnauthorizedError, or rejects with it, for credentials that are not known.
   */
  clientOf(head: RequestHead): MaybePromise<Client | undefined>
  /** Ends the watch over the file of keys. */
  stop(): void
}

/**
 * Reads who a client is as a configuration says: by what a trusted proxy says, else by its API key or token.
 *
 * @throws ConfigError where the file of keys is wrong.
 */
export async function openClientReader(
  { apiKeys, jwt, proxyHeaders }: IdentityConfig,
  log: Log,
): Promise<ClientReader> {
  const keys = apiKeys === undefined ? undefined : await watchKeys(apiKeys, log)
  const verify = jwt && (await import('sluice/jwt')).jwtVerifier(jwt)
  const identify: Identify | undefined =
    keys === undefined && verify === undefined
      ? undefined
      : identity({ ...(keys && { apiKeys: keys.lookup }), ...(verify && { jwt: verify }) })
  return {
    clientOf: (head) => toldByProxy(head, proxyHeaders) ?? identify?.((name) => head.header(name)),
    stop: () => keys?.stop(),
  }
}

/** Who a trusted proxy says the client is. What anybody else writes there is nobody's word. */
function toldByProxy(head: RequestHead, headers: ProxyHeaders | undefined): Client | undefined {
  if (headers === undefined || !head.fromTrustedProxy) return undefined
  const id = head.header(headers.client)
  if (id === undefined || id === '') return undefined
  const tier = headers.tier === undefined ? undefined : head.header(headers.tier)
  return { id, ...(tier !== undefined && tier !== '' && { tier }) }
}
