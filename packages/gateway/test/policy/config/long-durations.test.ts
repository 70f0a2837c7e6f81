import { createLimiter, createWarmUp, memoryStore, withFailurePolicy } from 'sluice'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, parseConfig } from '../../../src/policy/config/load-config.js'
import { send, startTestGateway } from '../../server/gateway/running-gateway.js'

/** Longer than Node's timers support. Such a timer would fire immediately and emit a warning. */
const LONG = '100d'
const TOO_LONG = /24 days|between 1 ms and/

const warnings: string[] = []
const onWarning = ({ name }: Error) => void warnings.push(name)
beforeAll(() => void process.on('warning', onWarning))
afterAll(() => void process.removeListener('warning', onWarning))

/** Lists the overflow warnings, which Node emits in the next turn of the event loop. */
async function overflowWarnings(): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve))
  return warnings.filter((name) => name === 'TimeoutOverflowWarning')
}

const concurrent = (more: string) =>
  `routes: [{ match: POST /predict, limits: [{ concurrent: 1, by: everyone, ${more} }] }]`

describe('the gateway', () => {
  it.each([
    ...['connect', 'headers', 'idle', 'body_start', 'request', 'shutdown'].map(
      (key) => [`timeouts.${key}`, `timeouts: { ${key}: ${LONG} }`] as const,
    ),
    [
      'deadline',
      `store: redis://127.0.0.1:1\non_store_failure: { policy: open, deadline: ${LONG} }`,
    ] as const,
    ['over', `default: { warm_up: { ready: http://127.0.0.1:1/, from: 0.2, over: ${LONG} } }`] as const,
    ['lease', concurrent(`lease: ${LONG}`)] as const,
    ['wait', concurrent(`wait: ${LONG}`)] as const,
    ['limit', `default: { limits: [10 per ${LONG}] }`] as const,
  ])('accepts 100 days for %s without a timer overflow, or reports the bounds', async (_key, text) => {
    let config: ReturnType<typeof parseConfig>
    try {
      config = parseConfig(`upstream: http://127.0.0.1:9000\n${text}`, 'test.yaml')
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as Error).message).toMatch(TOO_LONG)
      return
    }
    expect(config.upstream).toContain('9000')
    if (/store/.test(text)) return
    const { url, gateway } = await startTestGateway(text)
    expect((await send(url, '/predict')).status).toBe(200)
    expect(await overflowWarnings()).toEqual([])
    await gateway.close()
  })

  it('admits a request with a long lease, and queues another one, without a timer overflow', async () => {
    let respond: () => void = () => {}
    const { url } = await startTestGateway(concurrent(`lease: ${LONG}, wait: 1h`), (_request, response) => {
      respond = () => response.end()
      if (pending.length === 2) response.end()
      else reached()
    })
    let reached = () => {}
    const isReached = new Promise<void>((resolve) => {
      reached = resolve
    })
    const pending = [send(url, '/predict')]
    await isReached
    pending.push(send(url, '/predict'))
    expect(await overflowWarnings()).toEqual([])
    respond()
    expect((await Promise.all(pending)).map(({ status }) => status)).toEqual([200, 200])
    expect(await overflowWarnings()).toEqual([])
  })
})

describe('the library', () => {
  it('accepts 100 days as the lease of a limiter', async () => {
    const limiter = createLimiter({
      rules: [{ concurrent: 1, by: () => 'all', lease: LONG, wait: '1h' }],
    } as Parameters<typeof createLimiter>[0])
    const first = await limiter.admit({})
    const second = limiter.admit({})
    expect(await overflowWarnings()).toEqual([])
    if (!first.allowed) throw new Error('the request was refused')
    await first.permit.release()
    expect((await second).allowed).toBe(true)
    expect(await overflowWarnings()).toEqual([])
  })

  it('accepts 100 days as the duration of a warm-up', async () => {
    const warmUp = createWarmUp({ from: 0.5, over: LONG, ready: () => true })
    expect(await overflowWarnings()).toEqual([])
    warmUp.stop()
  })

  it('rejects 100 days as the wait for a limit and as the deadline of a store', () => {
    const waiting = { concurrent: 1, by: () => 'all', wait: LONG }
    expect(() => createLimiter({ rules: [waiting] })).toThrow(TOO_LONG)
    expect(() => withFailurePolicy(memoryStore(), { deadline: LONG })).toThrow(TOO_LONG)
  })
})
