import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { AdminConfig } from '../../policy/config/config.js'
import { isLoopback } from '../../policy/config/yaml/endpoint.js'

type Asked = Pick<IncomingMessage, 'method' | 'headers'>

/** Why the admin port does not answer a request. */
export interface Denial {
  readonly status: 401 | 403
  readonly error: string
}

const NO_TOKEN: Denial = { status: 401, error: 'this wants the admin token: Authorization: Bearer …' }

/**
 * Whether a request to the admin port is answered.
 *
 * A page of another site may have a browser ask this port under a name that it has pointed here (DNS rebinding), so that
 * only addresses, names of this machine and those that the file says are answered; and may have it send something, which needs an `Origin` of this port.
 * Who reaches a loopback address may read without the token; on any other, all but the probes and the empty page want it; and so does who comes under a name of the file's, through
 * a proxy that others reach too.
 */
export class Guard {
  readonly #host: string
  /** Under which a proxy before it asks. */
  readonly #names: ReadonlySet<string>
  readonly #tokenHash: Buffer | undefined

  constructor({ host, names, tokenHash }: AdminConfig) {
    this.#host = host.toLowerCase()
    this.#names = new Set(names)
    this.#tokenHash = tokenHash === undefined ? undefined : Buffer.from(tokenHash, 'hex')
  }

  /** Whether there is a token at all. */
  get hasToken(): boolean {
    return this.#tokenHash !== undefined
  }

  /** As `denies`, for what has no data in it: the token is not asked for. */
  deniesPage({ headers }: Asked): Denial | undefined {
    const name = hostName(headers.host)
    if (name !== undefined && (this.#isOurs(name) || this.#names.has(name))) return undefined
    return { status: 403, error: 'this name is none of this port; ask it by its address' }
  }

  /** As `denies`, for what changes something: the token is asked for on every address. */
  deniesAct(request: Asked): Denial | undefined {
    const denial = this.denies(request)
    if (denial !== undefined) return denial
    if (!this.hasToken)
      return {
        status: 403,
        error: 'nothing can be changed here: the file has no admin token, which `sluice token new` makes',
      }
    return this.holdsToken(request.headers.authorization) ? undefined : NO_TOKEN
  }

  /** Undefined where it is answered. Who has the token may ask under any name, which a page of another site cannot. */
  denies(request: Asked): Denial | undefined {
    const { method, headers } = request
    const { origin, host } = headers
    const reads = method === 'GET' || method === 'HEAD'
    if (!reads && origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
      return { status: 403, error: 'a page of another site cannot change anything here' }
    if (this.holdsToken(headers.authorization)) return undefined
    const denial = this.deniesPage(request)
    if (denial !== undefined) return denial
    return isLoopback(this.#host) && this.#isOurs(hostName(host)) ? undefined : NO_TOKEN
  }

  /** Whether it is the token; never where none is configured. */
  holdsToken(authorization: string | undefined): boolean {
    const [, token] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? []
    if (token === undefined || this.#tokenHash === undefined) return false
    return timingSafeEqual(createHash('sha256').update(token).digest(), this.#tokenHash)
  }

  #isOurs(name: string | undefined): boolean {
    return name !== undefined && (name === 'localhost' || name === this.#host || isIP(name) !== 0)
  }
}

function hostName(host: string | undefined): string | undefined {
  if (host === undefined || !URL.canParse(`http://${host}`)) return undefined
  const { hostname } = new URL(`http://${host}`)
  return hostname.replace(/^\[|\]$/g, '').toLowerCase()
}
