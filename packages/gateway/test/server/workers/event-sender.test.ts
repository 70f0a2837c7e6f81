import { createLimiter } from 'sluice'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { RequestSender } from '../../../src/policy/policy-request.js'
import { eventSender } from '../../../src/server/workers/event-sender.js'
import type { ObserverCall } from '../../../src/server/workers/worker-protocol.js'

it('the event sender sends postponed gauge changes even if no event follows', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const sent: ObserverCall[] = []
  let dropped = 0
  const confirmations: (() => void)[] = []
  const sender = eventSender(
    (events) => {
      sent.push(...events)
      return new Promise((resolve) => confirmations.push(resolve))
    },
    (count) => {
      dropped += count
    },
  )
  // The primary confirms no event, so the sender is full after 50,000 events.
  for (let request = 0; request < 50_000; request++) sender.onInFlightChange?.('/a', 1)
  sender.onRequestEnd?.('/a', 'allowed')
  for (let request = 0; request < 50_000; request++) sender.onInFlightChange?.('/a', -1)
  for (const confirm of confirmations.splice(0)) confirm()
  await vi.advanceTimersByTimeAsync(10_000)
  const sum = sent.reduce((sum, event) => (event[0] === 'onInFlightChange' ? sum + event[2] : sum), 0)
  expect(sum).toBe(0)
  expect(dropped).toBe(1)
})

it('the event sender sends the ID, the sender and the path of a refused request, which the primary logs', async () => {
  const sent: ObserverCall[] = []
  const sender = eventSender(
    async (events) => void sent.push(...events),
    () => {},
  )
  const limiter = createLimiter<RequestSender>({
    rules: [{ limit: '1/hour', by: 'everyone' }],
    listener: (event) => sender.onLimiterEvent('/a', event),
  })
  for (const id of ['first', 'second'])
    limiter.admit({ id, client: undefined, ip: '192.0.2.1', method: 'GET', path: '/a' })
  await sender.flush()
  const refused = sent.flatMap((call) =>
    call[0] === 'onLimiterEvent' && call[2].type === 'refused' ? [call[2].request] : [],
  )
  expect(refused).toEqual([{ id: 'second', client: undefined, ip: '192.0.2.1', method: 'GET', path: '/a' }])
})

it('the event sender sends the request of a blocked client and the reason', async () => {
  const sent: ObserverCall[] = []
  const sender = eventSender(
    async (events) => void sent.push(...events),
    () => {},
  )
  const block = { reason: 'leaked key', until: undefined }
  const request = { id: 'first', client: undefined, ip: '192.0.2.1', method: 'GET', path: '/a' }
  sender.onBlocked?.('/a', request, block)
  await sender.flush()
  expect(sent).toEqual([['onBlocked', '/a', request, block]])
})
