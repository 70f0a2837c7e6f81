import type { Charge, Settlement, Store, StoreVerdict } from 'sluice'
import type { StoreCall, StoreReply } from './worker-protocol.js'

/** A store whose state is in another process. */
export interface RemoteStore extends Store {
  /** Settles the calls to which the other process has replied. */
  onReplies(replies: readonly StoreReply[]): void
}

interface PendingCall {
  resolve(verdicts: StoreVerdict[]): void
  reject(error: Error): void
}

/** A call without its number. */
type Operation = StoreCall extends infer Call ? (Call extends StoreCall ? Omit<Call, 'call'> : never) : never

/**
 * Creates a store whose decisions are made by another process. The calls of one turn of the event
 * loop are sent in one message, in their order, because sending a message costs as much as handling
 * a request.
 *
 * @param send sends calls; their replies are passed to `onReplies`
 */
export function remoteStore(send: (calls: readonly StoreCall[]) => void): RemoteStore {
  const pending = new Map<number, PendingCall>()
  let batch: StoreCall[] = []
  let lastCall = 0

  const flush = () => {
    const calls = batch
    batch = []
    send(calls)
  }
  const request = (operation: Operation): Promise<StoreVerdict[]> =>
    new Promise((resolve, reject) => {
      const call = ++lastCall
      pending.set(call, { resolve, reject })
      if (batch.length === 0) setImmediate(flush)
      batch.push({ ...operation, call } as StoreCall)
    })

  return {
    take: (charges: readonly Charge[]) => request({ operation: 'take', charges: charges.map(sendable) }),
    peek: (charges: readonly Charge[]) => request({ operation: 'peek', charges: charges.map(sendable) }),
    async settle(settlements: readonly Settlement[]) {
      const sent = settlements.map(({ charge, taken, cost }) => ({ charge: sendable(charge), taken, cost }))
      await request({ operation: 'settle', settlements: sent })
    },
    async reset(scope: string, key: string) {
      await request({ operation: 'reset', scope, key })
    },
    close() {
      for (const { reject } of pending.values()) reject(new Error('the store was closed'))
      pending.clear()
    },
    onReplies(replies) {
      for (const reply of replies) {
        const call = pending.get(reply.call)
        pending.delete(reply.call)
        if ('failure' in reply) call?.reject(reply.failure)
        else call?.resolve([...(reply.verdicts ?? [])])
      }
    },
  }
}

/**
 * Copies a charge without the limiter's own data, such as the functions of its rule, which cannot
 * be sent.
 */
function sendable({ scope, key, limit, cost, lease, enforce, penalty }: Charge): Charge {
  return { scope, key, limit, cost, lease, enforce, penalty }
}
