import { IdentityUnavailableError, UnauthorizedError } from 'sluice/identity'
import { claimOf } from 'sluice/internal'
import { type JwtClaims, jwtClaims } from 'sluice/jwt'
import type { AdminOidc, AdminToken } from '../../policy/config/config.js'
import { fetchProvider } from './oidc-provider.js'

/** Who uses the admin port, and what they may do. */
export type Operator = Pick<AdminToken, 'name' | 'role'>

/** The time after which the description of the provider is fetched again, in milliseconds. */
const MAX_PROVIDER_AGE_MS = 3_600_000
/** Minimum time between two attempts to fetch it, in milliseconds. */
const RETRY_DELAY_MS = 1_000
/** Maximum length of a name in the audit log, in characters. */
const MAX_NAME_LENGTH = 256

type Verify = (token: string) => Promise<JwtClaims>

/**
 * Identifies operators by tokens of an OpenID provider. The provider's keys are found by discovery,
 * on the first token.
 */
export class OidcOperators {
  readonly #config: AdminOidc
  #verify: Verify | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #failure: { readonly at: number; readonly cause: unknown } | undefined
  #fetching: Promise<void> | undefined

  constructor(config: AdminOidc) {
    this.#config = config
  }

  /**
   * Returns the operator of a token; undefined if none of the roles in the token is configured.
   * Rejects with UnauthorizedError for an invalid token, and with IdentityUnavailableError if it
   * cannot be verified now.
   */
  async operatorOf(token: string): Promise<Operator | undefined> {
    const verify = await this.#verifier()
    const claims = await verify(token)
    const name = nameOf(claims)
    const roles = rolesOf(claimOf(claims, this.#config.rolesClaim))
    const has = (accepted: readonly string[]) => accepted.some((role) => roles.includes(role))
    if (has(this.#config.act)) return { name, role: 'act' }
    return has(this.#config.read) ? { name, role: 'read' } : undefined
  }

  async #verifier(): Promise<Verify> {
    const now = performance.now()
    const mayRetry = this.#failure === undefined || now - this.#failure.at >= RETRY_DELAY_MS
    if (now - this.#fetchedAt >= MAX_PROVIDER_AGE_MS && mayRetry) {
      this.#fetching ??= this.#fetch()
      await this.#fetching
    }
    if (this.#verify !== undefined) return this.#verify
    throw new IdentityUnavailableError({ cause: this.#failure?.cause })
  }

  async #fetch(): Promise<void> {
    const { issuer, audience } = this.#config
    try {
      const { jwks } = await fetchProvider(issuer)
      this.#verify = jwtClaims({ jwks, issuer, audience })
      this.#fetchedAt = performance.now()
      this.#failure = undefined
    } catch (cause) {
      this.#failure = { at: performance.now(), cause }
    } finally {
      this.#fetching = undefined
    }
  }
}

/** Returns the address that the provider has verified, or else the provider's ID of the operator. */
function nameOf({ email, email_verified: isVerified, sub }: JwtClaims): string {
  const isUsable = typeof email === 'string' && email.includes('@') && isVerified !== false
  const name = isUsable ? email : sub
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_LENGTH)
    throw new UnauthorizedError("the claim 'sub' of this request's token is missing or too long")
  return name
}

function rolesOf(claim: unknown): readonly unknown[] {
  return Array.isArray(claim) ? claim : [claim]
}
