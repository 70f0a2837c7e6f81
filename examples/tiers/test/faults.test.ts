import type { FastifyInstance } from 'fastify'
import { keyDigest, newKey } from 'sluice/identity'
import { describe, expect, it } from 'vitest'
import { tiersApp } from '../src/app.js'
import { naiveTiersApp, sharedKeyApp, trustingApp } from './naive-app.js'

/**
 * Each scenario runs against the example and against an app with the fault, which shows that it
 * finds the fault.
 */

type App = Pick<FastifyInstance, 'inject' | 'close'>
type Headers = Readonly<Record<string, string>>

const ACME = newKey()
const GLOBEX = newKey()
const premium = (key: string): Headers => ({ 'x-api-key': key, 'x-user-tier': 'premium' })

const ours = () =>
  tiersApp([
    { sha256: keyDigest(ACME), client: 'acme', tier: 'premium' },
    { sha256: keyDigest(GLOBEX), client: 'globex', tier: 'premium' },
  ])

const ask = (app: App, headers: Headers = {}) =>
  app.inject({ method: 'POST', url: '/predict', payload: { features: [1, 2, 3] }, headers })

async function admitted(app: App, times: number, headers: Headers = {}): Promise<number> {
  let count = 0
  for (let time = 0; time < times; time++) {
    const { statusCode } = await ask(app, headers)
    expect([200, 429]).toContain(statusCode)
    if (statusCode === 200) count++
  }
  return count
}

describe('the limit after premium requests', () => {
  it('stays the same after premium requests', async () => {
    const app = await ours()
    const limits: unknown[] = []
    for (let call = 0; call < 3; call++)
      limits.push((await ask(app, premium(ACME))).headers['ratelimit-policy'])
    expect(limits).toEqual(Array(3).fill('"requests";q=100;w=60'))
    expect(await admitted(app, 120)).toBe(20)
    await app.close()
  })

  it('grows for every client if premium requests multiply a shared limit', async () => {
    const app = naiveTiersApp()
    const limits: unknown[] = []
    for (let call = 0; call < 3; call++)
      limits.push((await ask(app, premium(ACME))).headers['x-ratelimit-limit'])
    expect(limits).toEqual(['100', '500', '2500'])
    expect(await admitted(app, 120)).toBe(120)
    await app.close()
  })
})

describe('the limit of a premium client after another one has used up its own', () => {
  const leftForGlobex = async (app: App) => {
    expect(await admitted(app, 101, premium(ACME))).toBe(100)
    const left = await admitted(app, 101, premium(GLOBEX))
    await app.close()
    return left
  }

  it('is untouched if each client has its own', async () => {
    expect(await leftForGlobex(await ours())).toBe(100)
  })

  it('is used up if premium clients share one key', async () => {
    expect(await leftForGlobex(sharedKeyApp())).toBe(0)
  })
})

describe('a client that claims a tier in a header', () => {
  const admittedByClaim = async (app: App) => {
    const count = await admitted(app, 101, {
      'x-user-tier': 'premium',
      'x-tier': 'premium',
      'x-client-tier': 'premium',
    })
    await app.close()
    return count
  }

  it('gets the limit of an anonymous client', async () => {
    expect(await admittedByClaim(await ours())).toBe(20)
  })

  it('gets the claimed tier if the header is trusted', async () => {
    expect(await admittedByClaim(trustingApp())).toBe(100)
  })

  it.each([
    ['an unknown key', newKey()],
    ['a key in the wrong case', ACME.toUpperCase()],
    ['an empty key', ' '],
  ])('is refused with %s', async (_case, key) => {
    const app = await ours()
    expect((await ask(app, premium(key))).statusCode).toBe(401)
    await app.close()
  })
})
