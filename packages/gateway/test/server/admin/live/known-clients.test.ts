import { expect, it } from 'vitest'
import { KnownClients } from '../../../../src/server/admin/live/known-clients.js'

it('KnownClients keeps the last 5,000 clients, and finds them by key and by ID', () => {
  const known = new KnownClients()
  for (let index = 0; index <= 5000; index++) known.record({ id: `c${index}`, tier: 'pro' })
  expect(known.find('c0')).toBeUndefined()
  expect(known.find('c1')).toEqual({ id: 'c1', tier: 'pro' })
  expect(known.find('client c5000')).toEqual({ id: 'c5000', tier: 'pro' })
  known.record({ id: 'c1', tier: 'free' })
  expect(known.find('c1')?.tier).toBe('free')
})

it('KnownClients finds a client whose ID is longer than a label', () => {
  const known = new KnownClients()
  const id = 'x'.repeat(200)
  known.record({ id, tier: 'pro' })
  expect(known.find(id)?.tier).toBe('pro')
  expect(known.find(`client ${id}`)?.tier).toBe('pro')
})
