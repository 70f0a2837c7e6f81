import { expect, it } from 'vitest'
import { KnownClients } from '../../../../src/server/admin/live/known-clients.js'

it('KnownClients keeps the last 5,000 clients, and finds them by label and by ID', () => {
  const known = new KnownClients()
  for (let index = 0; index <= 5000; index++)
    known.record({ client: { id: `c${index}`, tier: 'pro' }, ip: '192.0.2.1' })
  known.record({ client: undefined, ip: '192.0.2.1' })
  expect(known.find('c0')).toBeUndefined()
  expect(known.find('c1')).toEqual({ id: 'c1', tier: 'pro' })
  expect(known.find('client c5000')).toEqual({ id: 'c5000', tier: 'pro' })
  expect(known.find('192.0.2.1')).toBeUndefined()
  known.record({ client: { id: 'c1', tier: 'free' }, ip: '192.0.2.1' })
  expect(known.find('c1')?.tier).toBe('free')
})
