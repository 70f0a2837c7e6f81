import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MemoryOutbox } from '../../../src/server/webhooks/memory-outbox.js'
import { MAX_NOTICES } from '../../../src/server/webhooks/outbox.js'
import { signatureOf } from '../../../src/server/webhooks/signature.js'
import { type DeliveryOutcome, Webhooks } from '../../../src/server/webhooks/webhooks.js'
import { until } from '../gateway/running-gateway.js'
import { startReceiver } from './receiver.js'

const SECRET = '0123456789abcdef0123456789abcdef'

function webhooksTo(url: string, { retryMs = 60_000, timeoutMs = 5000 } = {}) {
  const outcomes: DeliveryOutcome[] = []
  const logged: object[] = []
  const record = (fields: object, message: string) => void logged.push({ ...fields, message })
  const webhooks = new Webhooks({
    outbox: new MemoryOutbox(),
    log: { warn: record, error: record, info: record },
    onDelivery: (outcome) => void outcomes.push(outcome),
    // The shortest delays.
    random: () => 0,
  })
  webhooks.configure([{ url, secret: SECRET, timeoutMs, retryMs }])
  onTestFinished(() => webhooks.close(0))
  return { webhooks, outcomes, logged }
}

const notice = (id: string) => ({ id, body: JSON.stringify({ id }), rememberMs: 60_000 })

describe('webhooks', () => {
  it('send a notice again until the receiver accepts it, with the same ID and a valid signature', async () => {
    const receiver = await startReceiver((attempt) => (attempt <= 2 ? 500 : 200))
    const { webhooks, outcomes } = webhooksTo(receiver.url)
    webhooks.send(notice('one'))
    webhooks.send(notice('one'))
    await until(() => outcomes.includes('delivered'))
    expect(outcomes).toEqual(['failed', 'failed', 'delivered'])
    const { body, signature } = receiver.delivered.get('one') as { body: string; signature: string }
    expect(body).toBe('{"id":"one"}')
    const seconds = Number(/^t=(\d+),/.exec(signature)?.[1])
    expect(Math.abs(Date.now() / 1000 - seconds)).toBeLessThan(60)
    expect(signature).toBe(signatureOf(SECRET, seconds, body))
  })

  it('send a notice once, however often it is announced', async () => {
    const receiver = await startReceiver(() => 204)
    const { webhooks, outcomes } = webhooksTo(receiver.url)
    webhooks.send(notice('one'))
    await until(() => outcomes.length === 1)
    webhooks.send(notice('one'))
    webhooks.send(notice('two'))
    await until(() => outcomes.length === 2)
    expect([...receiver.delivered.keys()]).toEqual(['one', 'two'])
    expect(receiver.attempts).toBe(2)
  })

  it('give up and say so in the log, without the query of the URL', async () => {
    const receiver = await startReceiver(() => 404)
    const { webhooks, outcomes, logged } = webhooksTo(receiver.url, { retryMs: 100 })
    webhooks.send(notice('one'))
    await until(() => outcomes.length === 1)
    expect(outcomes).toEqual(['abandoned'])
    const label = receiver.url.replace(/\?.*/, '')
    expect(logged).toEqual([
      {
        webhook: label,
        id: 'one',
        attempts: 1,
        reason: 'status 404',
        message: 'giving up on a webhook notice',
      },
    ])
    expect(JSON.stringify(logged)).not.toContain('query-secret')
  })

  it('end an attempt that gets no response after the timeout', async () => {
    const receiver = await startReceiver((attempt) => (attempt === 1 ? undefined : 200))
    const { webhooks, outcomes, logged } = webhooksTo(receiver.url, { timeoutMs: 200 })
    webhooks.send(notice('one'))
    await until(() => outcomes.includes('delivered'))
    expect(outcomes[0]).toBe('failed')
    const reason = expect.stringContaining('timeout')
    expect(logged).toMatchObject([{ message: 'webhook notice not delivered; retrying', reason }])
  })

  it('do not follow a redirect', async () => {
    const receiver = await startReceiver(() => 302)
    const { webhooks, outcomes } = webhooksTo(receiver.url, { retryMs: 1 })
    webhooks.send(notice('one'))
    await until(() => outcomes.length === 1)
    expect(outcomes).toEqual(['abandoned'])
  })

  it('keep a notice while the outbox fails, and report the failure once', async () => {
    const receiver = await startReceiver(() => 204)
    const outbox = new MemoryOutbox()
    let failures = 3
    vi.spyOn(outbox, 'add').mockImplementation((...args) => {
      if (failures-- > 0) return Promise.reject(new Error('connection lost'))
      return MemoryOutbox.prototype.add.apply(outbox, args)
    })
    const logged: string[] = []
    const record = (_fields: object, message: string) => void logged.push(message)
    const webhooks = new Webhooks({ outbox, log: { warn: record, error: record, info: record } })
    webhooks.configure([{ url: receiver.url, secret: SECRET, timeoutMs: 5000, retryMs: 60_000 }])
    onTestFinished(() => webhooks.close(0))
    webhooks.send(notice('one'))
    await until(() => receiver.delivered.size === 1)
    expect(logged.filter((message) => message.includes('unavailable')).length).toBeGreaterThan(0)
  })

  it('stop and report the lost notices even if the outbox hangs', async () => {
    const hung = new Promise<never>(() => {})
    const outbox = new MemoryOutbox()
    for (const call of ['open', 'add', 'claim'] as const) vi.spyOn(outbox, call).mockReturnValue(hung)
    const logged: string[] = []
    const record = (_fields: object, message: string) => void logged.push(message)
    const webhooks = new Webhooks({ outbox, log: { warn: record, error: record, info: record } })
    webhooks.configure([{ url: 'http://127.0.0.1:9/', secret: SECRET, timeoutMs: 5000, retryMs: 60_000 }])
    webhooks.send(notice('one'))
    await webhooks.close(0)
    expect(logged).toContain('webhook notices lost: the gateway is stopping')
  })

  it('report an outbox that hangs, and add the notice once it responds again', async () => {
    const receiver = await startReceiver(() => 204)
    const outbox = new MemoryOutbox()
    vi.spyOn(outbox, 'add').mockReturnValueOnce(new Promise(() => {}))
    const reasons: unknown[] = []
    const record = (fields: object) => void reasons.push(...Object.values(fields))
    const webhooks = new Webhooks({ outbox, log: { warn: record, error: record, info: record } })
    webhooks.configure([{ url: receiver.url, secret: SECRET, timeoutMs: 5000, retryMs: 60_000 }])
    onTestFinished(() => webhooks.close(0))
    webhooks.send(notice('one'))
    await until(() => receiver.delivered.size === 1)
    await until(() => reasons.length > 0)
    expect(reasons).toEqual(['no response within 2000 ms'])
  })

  it('are bounded: an outbox that is full takes no further notice', async () => {
    const outbox = new MemoryOutbox()
    for (let index = 0; index < MAX_NOTICES; index++)
      expect(await outbox.add(notice(`n${index}`), ['a'])).toBe('added')
    expect(await outbox.add(notice('more'), ['a', 'b'])).toBe('full')
    expect(await outbox.claim('b', 1000, 1)).toEqual([])
    await outbox.remove('a', 'n0')
    expect(await outbox.add(notice('more'), ['a', 'b'])).toBe('added')
  })
})

describe('a signature', () => {
  it('is the one in the docs', () => {
    expect(signatureOf(SECRET, 1_796_200_000, '{"type":"threshold","threshold":0.8}')).toBe(
      't=1796200000,v1=a3b82dc56b5c3bdce5ac4462f6b520c0f3bcb80710c0aacfb32922f4636e5573',
    )
  })
})
