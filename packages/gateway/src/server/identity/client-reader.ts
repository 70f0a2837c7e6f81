import { type Client, type Labels, type MaybePromise, RequestError } from 'sluice'
import { type Identify, identity, type KeyLookup } from 'sluice/identity'
import { checkLabels } from 'sluice/internal'
import type { ClientLimit, LimitedConfig } from '../../policy/client-limits.js'
import type { IdentityConfig, KeysSource, ProxyHeaders } from '../../policy/config/config.js'
import { type WithheldHeaders, withheldHeaders } from './credential-headers.js'
import { identityHeaders } from './identity-headers.js'
import type { KeysFile, KeysWatch } from './keys/keys-file-watch.js'
import type { RequestHead } from './request-head.js'

/** Identifies the client of a request. */
export interface ClientReader {
  /**
   * Returns the client of a request; undefined if anonymous.
   *
   * @throws UnauthorizedError, or rejects with it, for unknown credentials
   */
  clientOf(head: RequestHead): MaybePromise<Client | undefined>
  /**
   * Returns the lower-case names of request headers that are not forwarded: headers that only a
   * trusted proxy may send, since the upstream may trust them too, and, if so configured, the
   * client's credentials. Undefined if there are none.
   */
  readonly withheld: WithheldHeaders
  /** The contents of the keys file in use; undefined without one. */
  readonly keysFile: KeysFile | undefined
  /**
   * Returns the limits of single clients that their keys bring, and that fit a configuration.
   *
   * @throws ConfigError if limits in a keys file do not fit
   */
  limitsFor(config: LimitedConfig): readonly ClientLimit[]
  /**
   * Returns the headers that identify the client to the upstream; none for an anonymous request.
   * Defined only if identities are forwarded; clients are then identified on every route.
   */
  readonly headersFor?: (client: Client | undefined) => readonly (readonly [name: string, value: string])[]
  /** Follows a change to the keys that was just made. */
  refreshKeys(): Promise<void>
  /** Stops following the keys. */
  stop(): void
}

/**
 * Creates the client reader for a configuration. Headers of a trusted proxy take precedence over
 * API keys and tokens.
 *
 * @param openKeys opens the keys and follows their changes
 * @param onKeyUsed called with the digest of a known key for each request with it
 * @throws ConfigError for an invalid keys file
 */
export async function openClientReader(
  { apiKeys, apiKeyHeaders = [], jwt, proxyHeaders, forwardCredentials, forward }: IdentityConfig,
  openKeys: (source: KeysSource) => MaybePromise<KeysWatch>,
  onKeyUsed?: (digest: string) => void,
): Promise<ClientReader> {
  const keys = apiKeys === undefined ? undefined : await openKeys(apiKeys)
  const verify = jwt && (await import('sluice/jwt')).jwtVerifier(jwt)
  const identify: Identify | undefined =
    keys === undefined && verify === undefined
      ? undefined
      : identity({
          ...(keys && { apiKeys: reporting(keys.lookup, onKeyUsed) }),
          apiKeyHeaders,
          ...(verify && { jwt: verify }),
        })
  return {
    clientOf: (head) =>
      clientFromProxy(head, proxyHeaders) ?? identify?.((name) => head.header(name), head.query),
    withheld: withheldHeaders({
      claims: proxyHeaders === undefined ? [] : headersOf(proxyHeaders),
      own: Object.values(forward ?? {}),
      keyHeaders: forwardCredentials === false ? ['x-api-key', ...apiKeyHeaders] : undefined,
    }),
    ...(forward && { headersFor: (client: Client | undefined) => identityHeaders(client, forward) }),
    get keysFile() {
      return keys?.source
    },
    limitsFor: (config) => keys?.limitsFor(config) ?? [],
    refreshKeys: async () => keys?.refresh(),
    stop: () => keys?.stop(),
  }
}

/** Reports the keys that a lookup finds. */
function reporting(lookup: KeyLookup, onKeyUsed: ((digest: string) => void) | undefined): KeyLookup {
  if (onKeyUsed === undefined) return lookup
  const report = (digest: string, client: Client | undefined) => {
    if (client !== undefined) onKeyUsed(digest)
    return client
  }
  return (digest) => {
    const found = lookup(digest)
    return found instanceof Promise ? found.then((client) => report(digest, client)) : report(digest, found)
  }
}

/**
 * Reads the client from the headers of a trusted proxy. The same headers from other peers are
 * ignored.
 */
function clientFromProxy(head: RequestHead, headers: ProxyHeaders | undefined): Client | undefined {
  if (headers === undefined || !head.isFromTrustedProxy) return undefined
  const id = proxyClaim(head, headers.client)
  if (id === undefined) {
    // Rejects the other headers in another spelling, which the upstream could trust.
    for (const name of headersOf(headers)) head.valuesOf(name)
    return undefined
  }
  const tier = headers.tier === undefined ? undefined : proxyClaim(head, headers.tier)
  const labels = headers.labels && proxyLabels(head, headers.labels)
  return { id, ...(tier !== undefined && { tier }), ...(labels && { labels }) }
}

function headersOf({ client, tier, labels = {} }: ProxyHeaders): readonly string[] {
  return [client, ...(tier === undefined ? [] : [tier]), ...Object.values(labels)]
}

/** Reads the labels that a trusted proxy wrote. A missing header gives no label. */
function proxyLabels(head: RequestHead, headers: Readonly<Record<string, string>>): Labels {
  const labels: Record<string, string> = {}
  for (const [label, header] of Object.entries(headers)) {
    const value = proxyClaim(head, header)
    if (value !== undefined) labels[label] = value
  }
  return checkLabels(labels)
}

/**
 * Returns the value of a header that a trusted proxy wrote.
 *
 * @throws RequestError if the value is too long, or the header is not in the form that a single
 *   proxy writes
 */
function proxyClaim(head: RequestHead, name: string): string | undefined {
  const value = head.proxyHeader(name)
  if (value !== undefined && value.length > MAX_NAME_LENGTH)
    throw new RequestError(`the header '${name}' must not exceed ${MAX_NAME_LENGTH} characters`)
  return value
}

/** The maximum length of a client's id, tier or label, in characters. */
const MAX_NAME_LENGTH = 256
