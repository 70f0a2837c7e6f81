import type { Charge, Settlement, Store, StoreVerdict } from 'sluice'
import type { StoreAnswer, StoreCall } from './store-messages.js'

/** The store of a worker: another process holds the state and decides. */
export interface RemoteStore extends Store {
  /** Takes in what that process answers. */
  answered(answers: readonly StoreAnswer[]): void
}

interface Waiting {
  resolve(verdicts: StoreVerdict[]): void
  reject(error: Error): void
}

/** A call before it has its number. */
type Question = StoreCall extends infer Call ? (Call extends StoreCall ? Omit<Call, 'call'> : never) : never

/**
 * Makes a store of a process that decides for this one. All calls of one turn of the event loop go in one message, in their
 * order: one message costs as much as the work of a request.
 *
 * @param send hands the calls on; their answers come to `answered`
 */
export function remoteStore(send: (calls: readonly StoreCall[]) => void): RemoteStore {
  const waiting = new Map<number, Waiting>()
  let calls: StoreCall[] = []
  let number = 0

  const flush = () => {
    const sent = calls
    calls = []
    send(sent)
  }
  const ask = (question: Question): Promise<StoreVerdict[]> =>
    new Promise((resolve, reject) => {
      const call = ++number
      waiting.set(call, { resolve, reject })
      if (calls.length === 0) setImmediate(flush)
      calls.push({ ...question, call } as StoreCall)
    })

  return {
    take: (charges: readonly Charge[]) => ask({ operation: 'take', charges: charges.map(sendable) }),
    peek: (charges: readonly Charge[]) => ask({ operation: 'peek', charges: charges.map(sendable) }),
    async settle(settlements: readonly Settlement[]) {
      const sent = settlements.map(({ charge, taken, cost }) => ({ charge: sendable(charge), taken, cost }))
      await ask({ operation: 'settle', settlements: sent })
    },
    async reset(scope: string, key: string) {
      await ask({ operation: 'reset', scope, key })
    },
    close() {
      for (const { reject } of waiting.values()) reject(new Error('the store was closed'))
      waiting.clear()
    },
    answered(answers) {
      for (const answer of answers) {
        const asked = waiting.get(answer.call)
        waiting.delete(answer.call)
        if ('failure' in answer) asked?.reject(answer.failure)
        else asked?.resolve([...(answer.verdicts ?? [])])
      }
    },
  }
}

/** A charge without what its limiter keeps beside it, such as the rule's functions. */
function sendable({ scope, key, limit, cost, lease, enforce }: Charge): Charge {
  return { scope, key, limit, cost, lease, enforce }
}
