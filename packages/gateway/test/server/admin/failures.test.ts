import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { createLimiter, StoreUnavailableError } from 'sluice'
import { describe, expect, it, onTestFinished } from 'vitest'
import { OperatorActions } from '../../../src/server/admin/actions/operator-actions.js'
import type { AdminSources } from '../../../src/server/admin/admin-routes.js'
import { startAdmin } from '../../../src/server/admin/admin-server.js'
import type { RuleView } from '../../../src/server/admin/live/rule-view.js'
import { createLog } from '../../../src/server/logging/log.js'
import { send } from '../gateway/running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')
const ACTION = { act: 'undo', route: 'POST /predict', rule: 'few', reason: 'a test' }

/** Starts an admin port whose data sources all fail with one error, and collects its log. */
async function startFailingAdmin(failure: unknown) {
  const lines: { msg: string; err?: { message: string; stack: string }; audit?: object }[] = []
  const output = new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)))
      done()
    },
  })
  const fail = async () => {
    throw failure
  }
  const admin = await startAdmin({
    tls: undefined,
    config: { host: '127.0.0.1', port: 0, tokenHash: HASH },
    sources: {
      metrics: { type: 'text/plain', text: fail, summary: () => ({ broken: 1n }) as never },
      live: { status: fail, client: fail },
    } as unknown as AdminSources,
    perform: fail,
    keys: { store: () => undefined, kept: () => 'none', refresh: fail, unfit: () => undefined },
    record: { replay: fail, status: fail },
    log: createLog(output),
  })
  onTestFinished(() => admin.close())
  return { url: `http://127.0.0.1:${admin.address.port}`, lines }
}

const act = (url: string) =>
  send(url, '/api/actions', {
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(ACTION),
  })

const READ = ['/metrics', '/api/status', '/api/client?q=acme', '/api/record']

describe('a request that needs an unavailable store', () => {
  const failure = new StoreUnavailableError('this', 100, new Error('connect ECONNREFUSED 10.0.0.7'))

  it.each(READ)('receives a 503 without an error in the log: %s', async (path) => {
    const { url, lines } = await startFailingAdmin(failure)
    const { status, text } = await send(url, path, { method: 'GET' })
    expect([status, JSON.parse(text)]).toEqual([503, { error: 'the store is unavailable' }])
    expect(lines).toEqual([])
  })
})

describe('a request that causes an unexpected error', () => {
  const failure = new TypeError("Cannot read properties of undefined (reading 'internalSecret')")
  const body = { error: "unexpected error; see the gateway's log" }
  const line = {
    level: 50,
    msg: 'unexpected error',
    err: {
      message: failure.message,
      stack: expect.stringContaining('failures.test.ts'),
    },
  }

  it.each(READ)('receives a 500 without details, and the stack is logged: %s', async (path) => {
    const { url, lines } = await startFailingAdmin(failure)
    const { status, text, headers } = await send(url, path, { method: 'GET' })
    expect([status, JSON.parse(text)]).toEqual([500, body])
    expect(headers['content-type']).toBe('application/json')
    expect(lines).toMatchObject([line])
  })

  it('receives a 500 if a replay fails', async () => {
    const { url, lines } = await startFailingAdmin(failure)
    const { status, text } = await send(url, '/api/replay')
    expect([status, JSON.parse(text)]).toEqual([500, body])
    expect(lines).toMatchObject([line])
  })

  it('receives a 500 if the response body cannot be serialized', async () => {
    const { url, lines } = await startFailingAdmin(failure)
    const { status, text } = await send(url, '/metrics.json', { method: 'GET' })
    expect([status, JSON.parse(text)]).toEqual([500, body])
    expect(lines).toMatchObject([
      { msg: 'unexpected error', err: { message: expect.stringContaining('BigInt') } },
    ])
  })

  it('is written to the audit log as failed if it is an action', async () => {
    const { url, lines } = await startFailingAdmin(failure)
    const { status, text } = await act(url)
    expect([status, JSON.parse(text)]).toEqual([500, body])
    expect(lines).toMatchObject([
      { audit: { from: '127.0.0.1', who: 'admin', act: ACTION, outcome: 'failed' } },
      line,
    ])
    expect(JSON.stringify(lines[0])).not.toContain('internalSecret')
  })
})

describe('an action', () => {
  const rule = { route: 'POST /predict', name: 'few', scope: 'POST /predict\nfew', overridden: {} }

  function actionsWithStore(fail: () => Promise<never>, check = () => {}): OperatorActions {
    const view: Partial<RuleView> = {
      rulesOf: () => [rule] as never,
      keysNamed: () => [{ rule, keys: ['acme'] }] as never,
    }
    return new OperatorActions({
      view: view as RuleView,
      known: { find: () => undefined },
      store: { reset: fail } as never,
      acts: { change: fail, check },
      forget: () => Promise.reject(new Error('not used')),
      deny: () => undefined,
    })
  }

  const reset = { act: 'reset', route: 'POST /predict', key: 'acme', reason: 'r' } as const
  const limit = { act: 'limit', route: 'POST /predict', rule: 'few', limit: '5/minute', reason: 'r' } as const

  it('is rejected with 503 while the store is unavailable', async () => {
    const actions = actionsWithStore(() =>
      Promise.reject(new StoreUnavailableError('the key', 100, new Error('gone'))),
    )
    await expect(actions.perform(reset, 'ada')).rejects.toMatchObject({
      name: 'AdminActionError',
      status: 503,
    })
  })

  it('is rejected with the reason if its limit does not fit the rule', async () => {
    const unused = () => Promise.reject(new Error('must not be called'))
    const actions = actionsWithStore(unused, () => {
      const rules = [{ limit: '10/minute', name: 'few' }]
      createLimiter({ rules, overrides: { few: { limit: '5/minute; 9/hour' } } })
    })
    await expect(actions.perform(limit, 'ada')).rejects.toMatchObject({
      name: 'AdminActionError',
      status: 400,
      message: "an override must be a single limit such as 10/minute, not '5/minute; 9/hour'",
    })
  })

  it.each([reset, limit])('fails with an unexpected error unchanged: %j', async (action) => {
    const failure = new TypeError('x is not a function')
    await expect(actionsWithStore(() => Promise.reject(failure)).perform(action, 'ada')).rejects.toBe(failure)
  })
})
