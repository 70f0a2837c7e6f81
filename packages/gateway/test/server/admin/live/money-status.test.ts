import { memoryStore, parseLimits } from 'sluice'
import { expect, it } from 'vitest'
import { amountLabel } from '../../../../dashboard/src/panels/labels.js'
import { keyStatuses } from '../../../../src/server/admin/live/key-status.js'

it('the status of a key under a limit on money is in the currency, as the dashboard shows it', async () => {
  const store = memoryStore()
  const [limit] = parseLimits('20 USD/day')
  if (limit === undefined) throw new Error('no limit')
  const rule = { scope: 'spend', key: 'acme', limit, penalty: undefined }
  await store.take([{ ...rule, cost: 7_654_300_000 }])
  const [status] = await keyStatuses(store, [rule])
  await store.close()
  expect(status).toMatchObject({ remaining: 12.3457, retryAfterOfOne: 0 })
  expect(status?.used).toBeCloseTo(0.382715)
  expect(amountLabel('money', status?.remaining ?? 0, '20 USD/day')).toBe('12.34 USD')
  expect(amountLabel('tokens', 7, '10/day')).toBe('7 tokens')
})
