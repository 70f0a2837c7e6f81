import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { BACKENDS, type Backend, startBackend } from './backends.js'
import { dumpOf } from './dump.js'
import { Crew } from './process-pool.js'

const PROCESSES = 2
const AUDIENCE = 'https://models.example'
const ADDRESS = '203.0.113.77'
const API_KEY = 'sk_live_0hT9vQ-of-acme'
const BEARER = `Bearer ${'long-secret-'.repeat(20)}end`

const signing = await generateKeyPair('ES256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(signing.publicKey)), kid: 'one', alg: 'ES256' }] }
const token = await new SignJWT({ sub: 'globex', aud: AUDIENCE, exp: 4_000_000_000 })
  .setProtectedHeader({ alg: 'ES256', kid: 'one' })
  .sign(signing.privateKey)

const SECRETS = { ADDRESS, API_KEY, BEARER, token, signature: token.split('.')[2] ?? token }

describe.each(BACKENDS)('%s', (name) => {
  it('holds no API key, token or address of a client where a secret is counted by', async () => {
    const backend = await startBackend(name)
    const sent = await watchCommands(backend)
    const apiKeys = [{ sha256: createHash('sha256').update(API_KEY).digest('hex'), client: 'acme' }]
    const options = { url: backend.url, prefix: 'secrets:', audience: AUDIENCE, jwks, apiKeys }
    const crew = await Crew.start<number>(
      new URL('workers/app.js', import.meta.url),
      Array.from({ length: PROCESSES }, () => options),
    )
    try {
      for (const port of await crew.ask({})) await makeRequests(port)
      const dump = await dumpOf(backend)
      // It is the real thing: what is no secret is there, the checked names of clients among it.
      for (const text of ['secrets:', 'by-header', '/by-header', 'acme', 'globex'])
        expect(
          textsOf(text).some((form) => dump.includes(form)),
          text,
        ).toBe(true)
      const everything = Buffer.concat([dump, ...sent.commands.map((command) => Buffer.from(command))])
      for (const [what, secret] of Object.entries(SECRETS)) {
        for (const form of textsOf(secret))
          expect(everything.includes(form), `${what} as ${form}`).toBe(false)
      }
      console.log(
        `${name}: none of ${Object.keys(SECRETS).length} secrets in ${dump.length} bytes of state ` +
          `and ${sent.commands.length} commands watched`,
      )
    } finally {
      sent.stop()
      await crew.stop()
      await backend.stop()
    }
  })
})

/** With each kind of credentials, and with none, so that the address is counted by in their place. */
async function makeRequests(port: number): Promise<void> {
  const get = async (path: string, headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status
  const forwarded = { 'x-forwarded-for': ADDRESS }
  const answers = [
    await get('/by-header', { ...forwarded, 'x-api-key': API_KEY, authorization: BEARER }),
    await get('/by-header', { ...forwarded, 'x-api-key': ADDRESS }),
    await get('/by-header', forwarded),
    await get('/by-client', { ...forwarded, 'x-api-key': API_KEY }),
    await get('/by-client', { ...forwarded, authorization: `Bearer ${token}` }),
  ]
  expect(answers).toEqual([200, 200, 200, 200, 200])
}

/** A text as it is, and in the forms in which it would be as readable. */
function textsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const base64 = bytes.toString('base64').replace(/=+$/, '')
  return [text, encodeURIComponent(text), bytes.toString('hex'), base64, bytes.toString('base64url')]
}

/** Everything that is said to the servers of Redis from now on. */
async function watchCommands({ nodes }: Backend): Promise<{ commands: string[]; stop(): void }> {
  const commands: string[] = []
  const clients = nodes.map(({ port }) => new Redis(port))
  // Each asks about the server when it connects: ioredis takes no such line before it knows that it watches.
  await Promise.all(clients.map((client) => client.ping()))
  const monitors = await Promise.all(clients.map((client) => client.monitor()))
  for (const monitor of monitors)
    monitor.on('monitor', (_time: string, args: string[]) => commands.push(args.join(' ')))
  const stop = () => {
    for (const client of [...clients, ...monitors]) client.disconnect()
  }
  return { commands, stop }
}
