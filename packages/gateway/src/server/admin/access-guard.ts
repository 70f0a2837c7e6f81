import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { type AdminConfig, type AdminToken, adminTokensOf } from '../../policy/config/config.js'
import { isLoopback } from '../../policy/config/yaml/endpoint.js'
import { OidcOperators, type Operator } from './oidc-operators.js'

type GuardedRequest = Pick<IncomingMessage, 'method' | 'headers'>

/** The status and the message of the response to a rejected request. */
export interface Denial {
  readonly status: 401 | 403 | 503
  readonly error: string
}

const TOKEN_REQUIRED: Denial = {
  status: 401,
  error: 'admin token required; send it as Authorization: Bearer TOKEN',
}

const NO_ROLE: Denial = {
  status: 403,
  error: "this request's token has none of the roles that 'admin.oidc' accepts",
}

/**
 * Decides which requests the admin port serves.
 *
 * A page of another site can make a browser send requests here, directly or under a host name of
 * that site that resolves to this address (DNS rebinding). The port therefore serves only IP
 * addresses, `localhost` and the names in the configuration, and requires a matching `Origin` for
 * writes.
 *
 * Requests to a loopback address may read without the token. Requests to other addresses and to the
 * configured names require the token, except for the probes and the static page.
 */
export class AccessGuard {
  readonly #host: string
  /** Host names that a proxy in front of the port uses in its requests. */
  readonly #names: ReadonlySet<string>
  readonly #oidc: OidcOperators | undefined
  /** Operators with a token of the OpenID provider, by request, or why their token is not accepted. */
  readonly #authenticated = new WeakMap<object, Operator | Denial>()
  readonly #tokens: readonly { readonly token: AdminToken; readonly hash: Buffer }[]

  constructor(config: AdminConfig) {
    this.#host = config.host.toLowerCase()
    this.#names = new Set(config.names)
    this.#oidc = config.oidc && new OidcOperators(config.oidc)
    this.#tokens = adminTokensOf(config).map((token) => ({ token, hash: Buffer.from(token.hash, 'hex') }))
  }

  /** Verifies the token of an OpenID provider in the header of a request, if there is one. */
  async authenticate(request: GuardedRequest): Promise<void> {
    const sent = bearerOf(request)
    if (this.#oidc === undefined || sent?.split('.').length !== 3) return
    try {
      this.#authenticated.set(request, (await this.#oidc.operatorOf(sent)) ?? NO_ROLE)
    } catch (error) {
      const { status, message } = error as Error & { readonly status?: number }
      if (status !== 401 && status !== 503) throw error
      this.#authenticated.set(request, { status, error: message })
    }
  }

  /**
   * Returns the operator whose token is in the header of a request; undefined if there is none. The
   * time does not depend on which token matches.
   */
  operatorOf(request: Pick<GuardedRequest, 'headers'>): Operator | undefined {
    const authenticated = this.#authenticated.get(request)
    if (authenticated !== undefined) return 'role' in authenticated ? authenticated : undefined
    const sent = bearerOf(request)
    if (sent === undefined) return undefined
    const digest = createHash('sha256').update(sent).digest()
    let found: AdminToken | undefined
    for (const { token, hash } of this.#tokens) if (timingSafeEqual(digest, hash)) found = token
    return found
  }

  /** Checks a request for a static file, which contains no data and needs no token. */
  denialForPage({ headers }: GuardedRequest): Denial | undefined {
    const name = hostName(headers.host)
    if (name !== undefined && (this.#isOwnAddress(name) || this.#names.has(name))) return undefined
    return {
      status: 403,
      error: "this host name is not allowed; use the IP address, or add the name to 'admin.names'",
    }
  }

  /** Checks a request that changes state, which requires a token with the role `act` on every address. */
  denialForAction(request: GuardedRequest): Denial | undefined {
    const denial = this.denialFor(request)
    if (denial !== undefined) return denial
    if (this.#tokens.length === 0 && this.#oidc === undefined)
      return {
        status: 403,
        error: 'actions are off: the configuration has no admin token; create one with `sluice token new`',
      }
    const operator = this.operatorOf(request)
    if (operator === undefined) return this.#tokenDenial(request)
    if (operator.role === 'act') return undefined
    return { status: 403, error: `the token '${operator.name}' may only read; use one with the role 'act'` }
  }

  /**
   * Checks a request for data. A request with the token may use any host name, because a page of
   * another site cannot know the token.
   *
   * @returns undefined if the request is allowed
   */
  denialFor(request: GuardedRequest): Denial | undefined {
    const { method, headers } = request
    const { origin, host } = headers
    const isRead = method === 'GET' || method === 'HEAD'
    if (!isRead && origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      return { status: 403, error: 'requests from pages of another origin are not allowed' }
    if (this.operatorOf(request) !== undefined) return undefined
    const denial = this.denialForPage(request)
    if (denial !== undefined) return denial
    return isLoopback(this.#host) && this.#isOwnAddress(hostName(host))
      ? undefined
      : this.#tokenDenial(request)
  }

  #tokenDenial(request: GuardedRequest): Denial {
    const authenticated = this.#authenticated.get(request)
    return authenticated !== undefined && 'error' in authenticated ? authenticated : TOKEN_REQUIRED
  }

  #isOwnAddress(name: string | undefined): boolean {
    return name !== undefined && (name === 'localhost' || name === this.#host || isIP(name) !== 0)
  }
}

function bearerOf({ headers }: Pick<GuardedRequest, 'headers'>): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}

function hostName(host: string | undefined): string | undefined {
  if (host === undefined || !URL.canParse(`http://${host}`)) return undefined
  const { hostname } = new URL(`http://${host}`)
  return hostname.replace(/^\[|\]$/g, '').toLowerCase()
}
