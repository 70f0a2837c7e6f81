import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { createLimiter, StoreUnavailableError } from 'sluice'
import { describe, expect, it, onTestFinished } from 'vitest'
import { RuleActions } from '../../../src/server/admin/actions/rule-actions.js'
import type { AdminSources } from '../../../src/server/admin/admin-routes.js'
import { startAdmin } from '../../../src/server/admin/admin-server.js'
import type { RuleView } from '../../../src/server/admin/live/rule-view.js'
import { createLog } from '../../../src/server/logging/log.js'
import { send } from '../gateway/running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')
const ACT = { act: 'undo', route: 'POST /predict', rule: 'few' }

/** An admin port of which all that asks for something fails in the same way, and what it logs. */
async function failing(failure: unknown) {
  const lines: { msg: string; err?: { message: string; stack: string }; audit?: object }[] = []
  const into = new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)))
      done()
    },
  })
  const fail = async () => {
    throw failure
  }
  const admin = await startAdmin({
    config: { host: '127.0.0.1', port: 0, tokenHash: HASH },
    sources: {
      metrics: { type: 'text/plain', text: fail, summary: () => ({ broken: 1n }) as never },
      live: { status: fail, client: fail },
    } as unknown as AdminSources,
    perform: fail,
    record: { replay: fail, status: fail },
    log: createLog(into),
  })
  onTestFinished(() => admin.close())
  return { url: `http://127.0.0.1:${admin.address.port}`, lines }
}

const act = (url: string) =>
  send(url, '/api/acts', {
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(ACT),
  })

const READ = ['/metrics', '/api/status', '/api/client?q=somebody', '/api/record']

describe('a store that does not answer', () => {
  const failure = new StoreUnavailableError('this', 100, new Error('connect ECONNREFUSED 10.0.0.7'))

  it.each(READ)('is a 503 that says so, and no error of the log: %s', async (path) => {
    const { url, lines } = await failing(failure)
    const { status, text } = await send(url, path, { method: 'GET' })
    expect([status, JSON.parse(text)]).toEqual([503, { error: 'the store does not answer' }])
    expect(lines).toEqual([])
  })
})

describe('an error that nobody foresaw', () => {
  const failure = new TypeError("Cannot read properties of undefined (reading 'secretOfInside')")
  const answer = { error: 'this could not be answered, through a fault of the gateway; its log has more' }
  const line = {
    level: 50,
    msg: 'an unforeseen error',
    err: {
      message: failure.message,
      // Where it was thrown.
      stack: expect.stringContaining('failures.test.ts'),
    },
  }

  it.each(READ)(
    'is a 500 that says nothing of the inside, and one line of the log with its stack: %s',
    async (path) => {
      const { url, lines } = await failing(failure)
      const { status, text, headers } = await send(url, path, { method: 'GET' })
      expect([status, JSON.parse(text)]).toEqual([500, answer])
      expect(headers['content-type']).toBe('application/json')
      expect(lines).toMatchObject([line])
    },
  )

  it('is one where a replay fails so', async () => {
    const { url, lines } = await failing(failure)
    const { status, text } = await send(url, '/api/replay')
    expect([status, JSON.parse(text)]).toEqual([500, answer])
    expect(lines).toMatchObject([line])
  })

  it('is one where what is told is no JSON', async () => {
    const { url, lines } = await failing(failure)
    const { status, text } = await send(url, '/metrics.json', { method: 'GET' })
    expect([status, JSON.parse(text)]).toEqual([500, answer])
    expect(lines).toMatchObject([
      { msg: 'an unforeseen error', err: { message: expect.stringContaining('BigInt') } },
    ])
  })

  it('is one where an act fails so, which the audit log has as failed', async () => {
    const { url, lines } = await failing(failure)
    const { status, text } = await act(url)
    expect([status, JSON.parse(text)]).toEqual([500, answer])
    expect(lines).toMatchObject([{ audit: { from: '127.0.0.1', act: ACT, outcome: 'failed' } }, line])
    expect(JSON.stringify(lines[0])).not.toContain('secretOfInside')
  })
})

describe('an act', () => {
  const rule = { route: 'POST /predict', name: 'few', scope: 'POST /predict\nfew', overridden: {} }

  function actsThat(fail: () => Promise<never>): RuleActions {
    const view: Partial<RuleView> = {
      rulesOf: () => [rule] as never,
      keysNamed: () => [{ rule, keys: ['somebody'] }] as never,
    }
    return new RuleActions({
      view: view as RuleView,
      store: { reset: fail } as never,
      overrides: () => new Map(),
      override: fail,
    })
  }

  const reset = { act: 'reset', route: 'POST /predict', key: 'somebody' } as const
  const limit = { act: 'limit', route: 'POST /predict', rule: 'few', limit: '5/minute' } as const

  it('that the store does not do is refused with 503', async () => {
    const acts = actsThat(() => Promise.reject(new StoreUnavailableError('the key', 100, new Error('gone'))))
    await expect(acts.do(reset)).rejects.toMatchObject({ name: 'ActError', status: 503 })
  })

  it('that does not fit the rule is refused with what is wrong with it', async () => {
    const acts = actsThat(async () => {
      const rules = [{ limit: '10/minute', name: 'few' }]
      return createLimiter({ rules, overrides: { few: { limit: '5/minute; 9/hour' } } }) as never
    })
    await expect(acts.do(limit)).rejects.toMatchObject({
      name: 'ActError',
      status: 400,
      message: "in place of a limit stands one limit, not '5/minute; 9/hour'",
    })
  })

  it.each([reset, limit])('that fails as nobody foresaw is not told as refused: %j', async (wanted) => {
    const failure = new TypeError('x is not a function')
    await expect(actsThat(() => Promise.reject(failure)).do(wanted)).rejects.toBe(failure)
  })
})
