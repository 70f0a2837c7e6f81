import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { BACKENDS, type Backend, startBackend } from './backends.js'
import { dumpOf } from './dump.js'
import { ProcessPool } from './process-pool.js'

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
  it('stores no API key, token or client address in readable form', async () => {
    const backend = await startBackend(name)
    const sent = await watchCommands(backend)
    const apiKeys = [{ sha256: createHash('sha256').update(API_KEY).digest('hex'), client: 'acme' }]
    const options = { url: backend.url, prefix: 'secrets:', audience: AUDIENCE, jwks, apiKeys }
    const pool = await ProcessPool.start<number>(
      new URL('workers/app.js', import.meta.url),
      Array.from({ length: PROCESSES }, () => options),
    )
    try {
      for (const port of await pool.run({})) await makeRequests(port)
      const dump = await dumpOf(backend)
      // The dump does contain public values, such as verified client names.
      for (const text of ['secrets:', 'by-header', '/by-header', 'acme', 'globex'])
        expect(
          encodingsOf(text).some((form) => dump.includes(form)),
          text,
        ).toBe(true)
      const everything = Buffer.concat([dump, ...sent.commands.map((command) => Buffer.from(command))])
      for (const [name, secret] of Object.entries(SECRETS)) {
        for (const form of encodingsOf(secret))
          expect(everything.includes(form), `${name} as ${form}`).toBe(false)
      }
      console.log(
        `${name}: found none of ${Object.keys(SECRETS).length} secrets in ${dump.length} bytes of state ` +
          `and ${sent.commands.length} commands`,
      )
    } finally {
      sent.stop()
      await pool.stop()
      await backend.stop()
    }
  })
})

/** Makes requests with each kind of credentials, and anonymous ones, counted by address. */
async function makeRequests(port: number): Promise<void> {
  const get = async (path: string, headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status
  const forwarded = { 'x-forwarded-for': ADDRESS }
  const statuses = [
    await get('/by-header', { ...forwarded, 'x-api-key': API_KEY, authorization: BEARER }),
    await get('/by-header', { ...forwarded, 'x-api-key': ADDRESS }),
    await get('/by-header', forwarded),
    await get('/by-client', { ...forwarded, 'x-api-key': API_KEY }),
    await get('/by-client', { ...forwarded, authorization: `Bearer ${token}` }),
  ]
  expect(statuses).toEqual([200, 200, 200, 200, 200])
}

/** Returns a string in every encoding from which it could be recovered. */
function encodingsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const base64 = bytes.toString('base64').replace(/=+$/, '')
  return [text, encodeURIComponent(text), bytes.toString('hex'), base64, bytes.toString('base64url')]
}

/** Records all commands to the Redis servers from now on. */
async function watchCommands({ nodes }: Backend): Promise<{ commands: string[]; stop(): void }> {
  const commands: string[] = []
  const clients = nodes.map(({ port }) => new Redis(port))
  // ioredis sends INFO when it connects and must receive its reply before it switches to MONITOR.
  await Promise.all(clients.map((client) => client.ping()))
  const monitors = await Promise.all(clients.map((client) => client.monitor()))
  for (const monitor of monitors)
    monitor.on('monitor', (_time: string, args: string[]) => commands.push(args.join(' ')))
  const stop = () => {
    for (const client of [...clients, ...monitors]) client.disconnect()
  }
  return { commands, stop }
}
