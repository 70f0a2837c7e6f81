import type { Store } from 'sluice'
import type { StoreCall, StoreReply } from './worker-protocol.js'

/**
 * Performs the store calls of a worker in their order. With a memory store, the calls of one
 * message are decided without interruption.
 */
export async function performCalls(store: Store, calls: readonly StoreCall[]): Promise<StoreReply[]> {
  return Promise.all(calls.map((call) => performCall(store, call)))
}

async function performCall(store: Store, call: StoreCall): Promise<StoreReply> {
  try {
    const verdicts = await perform(store, call)
    return verdicts === undefined ? { call: call.call } : { call: call.call, verdicts }
  } catch (error) {
    return { call: call.call, failure: error as Error }
  }
}

function perform(store: Store, call: StoreCall) {
  switch (call.operation) {
    case 'take':
      return store.take(call.charges)
    case 'peek':
      return store.peek(call.charges)
    case 'settle':
      return store.settle(call.settlements) as undefined
    case 'reset':
      return store.reset(call.scope, call.key) as undefined
  }
}
