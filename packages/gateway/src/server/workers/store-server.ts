import type { Store } from 'sluice'
import type { StoreAnswer, StoreCall } from './store-messages.js'

/**
 * Does what workers ask of the store, in the order in which they ask it. With a store in memory nothing comes between the calls
 * of one message, and all are answered by one.
 */
export async function answerCalls(store: Store, calls: readonly StoreCall[]): Promise<StoreAnswer[]> {
  return Promise.all(calls.map((call) => answerCall(store, call)))
}

async function answerCall(store: Store, call: StoreCall): Promise<StoreAnswer> {
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
