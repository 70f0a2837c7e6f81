import { createHash, randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { newKey } from 'sluice/identity'

/** Returns a random secret that every encoding changes. */
const encodable = () =>
  `${randomBytes(12).toString('base64url')}+/&<=%~${randomBytes(9).toString('base64url')}`
/** Returns a random secret that URLs and headers contain as it is. */
const plain = () => randomBytes(24).toString('hex')

export const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** Creates new secrets, by where they are planted. */
export const createSecrets = () => ({
  upstreamEnv: encodable(),
  upstreamFile: encodable(),
  upstreamLiteral: plain(),
  variableDefault: plain(),
  upstreamPath: plain(),
  healthPath: plain(),
  readinessQuery: plain(),
  jwksQuery: plain(),
  webhookSecret: encodable(),
  webhookQuery: plain(),
  otlpHeader: plain(),
  redisPassword: encodable(),
  actToken: plain(),
  readToken: plain(),
  wrongToken: plain(),
  /** Keys with a valid checksum. The gateway knows only the first. */
  key: newKey(),
  unknownKey: newKey(),
  oldKey: `sk_${plain()}`,
  session: plain(),
  cookie: plain(),
  basicPassword: encodable(),
  targetPassword: plain(),
  prompt: encodable(),
  completion: encodable(),
})

export type Secrets = ReturnType<typeof createSecrets>

/** Tokens of clients and operators, and the public key that verifies them. */
export interface Tokens {
  readonly jwks: object
  readonly client: string
  readonly expired: string
  readonly forged: string
  readonly operator: string
}

/** Creates tokens. @param issuer the URL of the provider */
export async function createTokens(issuer: string): Promise<Tokens> {
  const [own, other] = await Promise.all([pair(), pair()])
  const sign = (claims: object, { privateKey } = own) =>
    new SignJWT({ iss: issuer, aud: 'models', sub: 'token-client', exp: 4_000_000_000, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(privateKey)
  return {
    jwks: { keys: [{ ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'ES256' }] },
    client: await sign({}),
    expired: await sign({ exp: 1_000_000_000 }),
    forged: await sign({}, other),
    operator: await sign({ aud: 'sluice', sub: 'operator', groups: ['ops'] }),
  }
}

const pair = () => generateKeyPair('ES256', { extractable: true })

/** Returns the part of a token that proves its origin. Its claims are no secrets. */
export const signatureOf = (token: string) => token.slice(token.lastIndexOf('.') + 1)
