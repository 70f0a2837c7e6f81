import { expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { StoredLimits } from '../../../src/server/identity/keys/stored-limits.js'

const CONFIG = parseConfig(
  'upstream: http://127.0.0.1:9000\nroutes: [{ match: POST /a, limits: [9/minute] }]\n',
  'gateway.yaml',
)

it('the limit of the newest key of a client applies, and only changes of limits are reported', () => {
  const limits = new StoredLimits()
  expect([limits.isRead, limits.fitting(CONFIG, undefined)]).toEqual([false, []])
  const key = (client: string, requests: number | string, sha256 = 'a') => ({
    ...{ sha256, client },
    limits: { requests },
  })
  expect([limits.set([]), limits.isRead]).toEqual([false, true])
  expect(limits.set([key('acme', 3), key('bolt', '5/s'), key('acme', 2)])).toBe(true)
  expect(limits.fitting(CONFIG, undefined)).toEqual([
    { client: 'acme', rule: 'requests', override: { scale: 3 } },
    { client: 'bolt', rule: 'requests', override: { limit: '5/s' } },
  ])
  expect(limits.set([key('acme', 3, 'b'), key('bolt', '5/s')])).toBe(false)
  expect(limits.set([])).toBe(true)
})

it('limits without effect are logged once for each reason', () => {
  const limits = new StoredLimits()
  const lines: object[] = []
  const log = { info: (fields: object) => void lines.push(fields) }
  limits.set([{ sha256: 'a', client: 'acme', limits: { request: 2, requests: 2 } }])
  for (let look = 0; look < 3; look++) expect(limits.fitting(CONFIG, log)).toHaveLength(1)
  expect(lines).toEqual([{ limits: 1, reason: expect.stringContaining("did you mean 'requests'?") }])
})
