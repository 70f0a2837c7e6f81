import { z } from 'zod'

/** Timeout of the request, in milliseconds. */
const TIMEOUT_MS = 3_000
/** Maximum size of the response, in bytes. */
const MAX_BYTES = 262_144

const DESCRIPTION = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) })

/**
 * Fetches the description of an OpenID provider (OpenID Connect Discovery 1.0).
 *
 * @throws Error if the provider does not respond, or describes another one
 */
export async function fetchProvider(issuer: string): Promise<{ readonly jwks: string }> {
  const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const response = await fetch(url, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: 'manual',
    headers: { accept: 'application/json' },
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url.href} responded with status ${response.status}`)
  }
  const description = DESCRIPTION.safeParse(JSON.parse(await boundedText(response)))
  if (!description.success) throw new Error(`${url.href} does not describe an OpenID provider`)
  const { issuer: described, jwks_uri: jwks } = description.data
  if (described !== issuer) throw new Error(`${url.href} describes another issuer than ${issuer}`)
  if (url.protocol === 'https:' && !jwks.startsWith('https:'))
    throw new Error(`${url.href} names keys without https`)
  return { jwks }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > MAX_BYTES) throw new Error(`the response is larger than ${MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text
}
