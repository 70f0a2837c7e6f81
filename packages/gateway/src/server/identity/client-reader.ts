import { type Client, type MaybePromise, RequestError } from 'sluice'
import { type Identify, identity } from 'sluice/identity'
import type { IdentityConfig, ProxyHeaders } from '../../policy/config/config.js'
import { type WithheldHeaders, withheldHeaders } from './credential-headers.js'

import { identityHeaders } from './identity-headers.js'
import type { KeyFileWatch, KeysText } from './key-file-watch.js'
import type { RequestHead } from './request-head.js'

/** Finds out who sends a request. */
export interface ClientReader {
  /**
   * Undefined: a visitor.
   *
   * @throws UnauthorizedError, or rejects with it, for credentials that are not known.
   */
  clientOf(head: RequestHead): MaybePromise<Client | undefined>
  /**
   * Names in lower case of a request's headers that do not go upstream: those that only a trusted proxy may send, as the upstream may believe them
   * too; and, where the configuration says so, what the client showed to the gateway. Undefined where there are none.
   */
  readonly withheld: WithheldHeaders
  /** The text of the file of keys that is in use; undefined without one. */
  readonly keysText: KeysText | undefined
  /**
   * The headers that tell the upstream who the client is: name and value. None for an anonymous request. Undefined where the
   * upstream is not told; else the client has to be known on every route.
   */
  readonly headersFor?: (client: Client | undefined) => readonly (readonly [name: string, value: string])[]
  /** Ends the watch over the file of keys. */
  stop(): void
}

/**
 * Reads who a client is as a configuration says: by what a trusted proxy says, else by its API key or token.
 *
 * @param openKeys reads the file of keys and goes on watching it
 * @throws ConfigError where the file of keys is wrong.
 */
export async function openClientReader(
  { apiKeys, apiKeyHeaders = [], jwt, proxyHeaders, forwardCredentials, forward }: IdentityConfig,
  openKeys: (file: string) => MaybePromise<KeyFileWatch>,
): Promise<ClientReader> {
  const keys = apiKeys === undefined ? undefined : await openKeys(apiKeys)
  const verify = jwt && (await import('sluice/jwt')).jwtVerifier(jwt)
  const identify: Identify | undefined =
    keys === undefined && verify === undefined
      ? undefined
      : identity({ ...(keys && { apiKeys: keys.lookup }), apiKeyHeaders, ...(verify && { jwt: verify }) })
  return {
    clientOf: (head) =>
      toldByProxy(head, proxyHeaders) ?? identify?.((name) => head.header(name), head.query),
    withheld: withheldHeaders({
      claims: Object.values(proxyHeaders ?? {}),
      own: Object.values(forward ?? {}),
      keyHeaders: forwardCredentials === false ? ['x-api-key', ...apiKeyHeaders] : undefined,
    }),
    ...(forward && { headersFor: (client: Client | undefined) => identityHeaders(client, forward) }),
    get keysText() {
      return keys?.source
    },
    stop: () => keys?.stop(),
  }
}

/** Who a trusted proxy says the client is. What anybody else writes there is nobody's word. */
function toldByProxy(head: RequestHead, headers: ProxyHeaders | undefined): Client | undefined {
  if (headers === undefined || !head.fromTrustedProxy) return undefined
  const id = told(head, headers.client)
  if (id === undefined) {
    // An anonymous request has no tier, but the upstream may believe one that a client wrote in another spelling.
    if (headers.tier !== undefined) head.valuesOf(headers.tier)
    return undefined
  }
  const tier = headers.tier === undefined ? undefined : told(head, headers.tier)
  return { id, ...(tier !== undefined && { tier }) }
}

/** @throws RequestError where it is longer than any name is, or the header is not as one proxy writes it. */
function told(head: RequestHead, name: string): string | undefined {
  const value = head.proxyHeader(name)
  if (value !== undefined && value.length > MAX_NAME)
    throw new RequestError(`the header '${name}' has more than ${MAX_NAME} characters`)
  return value
}

/** The longest id or tier of a client, in characters. */
const MAX_NAME = 256
