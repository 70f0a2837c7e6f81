import type { FastifyInstance } from 'fastify'
import { keyDigest, newKey } from 'sluice/identity'
import { describe, expect, it } from 'vitest'
import { tiersApp } from '../src/app.js'
import { naiveTiersApp, sharedKeyApp, trustingApp } from './naive-app.js'

/**
 * Each scenario runs against the example and against an app with the fault, which shows that the
 * scenario detects the fault.
 */

type App = Pick<FastifyInstance, 'inject' | 'close'>
type Headers = Readonly<Record<string, string>>

const ACME = newKey()
const GLOBEX = newKey()
const premium = (key: string): Headers => ({ 'x-api-key': key, 'x-user-tier': 'premium' })

const exampleApp = () =>
  tiersApp([
    { sha256: keyDigest(ACME), client: 'acme', tier: 'premium' },
    { sha256: keyDigest(GLOBEX), client: 'globex', tier: 'premium' },
  ])

const predict = (app: App, headers: Headers = {}) =>
  app.inject({ method: 'POST', url: '/predict', payload: { features: [1, 2, 3] }, headers })

async function admitted(app: App, times: number, headers: Headers = {}): Promise<number> {
  let count = 0
  for (let request = 0; request < times; request++) {
    const { statusCode } = await predict(app, headers)
    expect([200, 429]).toContain(statusCode)
    if (statusCode === 200) count++
  }
  return count
}

describe('the limit of anonymous clients', () => {
  it('stays the same after premium requests', async () => {
    const app = await exampleApp()
    const limits: unknown[] = []
    for (let call = 0; call < 3; call++)
      limits.push((await predict(app, premium(ACME))).headers['ratelimit-policy'])
    expect(limits).toEqual(Array(3).fill('"requests";q=100;w=60'))
    expect(await admitted(app, 120)).toBe(20)
    await app.close()
  })

  it('rises for every client in an app whose premium requests multiply a shared limit', async () => {
    const app = naiveTiersApp()
    const limits: unknown[] = []
    for (let call = 0; call < 3; call++)
      limits.push((await predict(app, premium(ACME))).headers['x-ratelimit-limit'])
    expect(limits).toEqual(['100', '500', '2500'])
    expect(await admitted(app, 120)).toBe(120)
    await app.close()
  })
})

describe('two premium clients', () => {
  const leftForGlobex = async (app: App) => {
    expect(await admitted(app, 101, premium(ACME))).toBe(100)
    const left = await admitted(app, 101, premium(GLOBEX))
    await app.close()
    return left
  }

  it('have separate limits', async () => {
    expect(await leftForGlobex(await exampleApp())).toBe(100)
  })

  it('share one limit if the app counts them under one key', async () => {
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
    expect(await admittedByClaim(await exampleApp())).toBe(20)
  })

  it('gets the claimed tier if the app trusts the header', async () => {
    expect(await admittedByClaim(trustingApp())).toBe(100)
  })

  it.each([
    ['an unknown key', newKey()],
    ['a key in the wrong case', ACME.toUpperCase()],
    ['an empty key', ' '],
  ])('is rejected if it sends %s', async (_case, key) => {
    const app = await exampleApp()
    expect((await predict(app, premium(key))).statusCode).toBe(401)
    await app.close()
  })
})
