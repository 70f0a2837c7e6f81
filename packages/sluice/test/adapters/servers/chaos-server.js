import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { memoryStore } from 'sluice'
import { apps } from './apps.js'

/**
 * A server with one adapter for the fuzz test, run by `node --expose-gc chaos-server.js NAME`.
 *
 * Its routes decide synchronously or asynchronously, queue for slots, fail or stream. It sends its
 * port on start, and its state on request.
 */

const SLOTS = 40
const slots = { taken: 0, freed: 0 }
let unhandled = 0
process.on('unhandledRejection', () => unhandled++)

const store = memoryStore()
/** A store whose decisions take one turn of the event loop or a few milliseconds. */
const slowStore = {
  /** @param {Parameters<typeof store.take>[0]} charges */
  async take(charges) {
    if (slots.taken % 3 === 0) await sleep(2)
    else await nextTurn()
    return store.take(charges)
  },
  peek: store.peek.bind(store),
  settle: store.settle.bind(store),
  reset: store.reset.bind(store),
  close: store.close.bind(store),
}

/** @param {{ type: string }} event */
const listener = ({ type }) => {
  if (type === 'allowed') slots.taken++
  if (type === 'released') slots.freed++
}

const slotRule = { concurrent: SLOTS, by: /** @type {const} */ ('everyone') }
const responses = { count: 0 }
const handle = async () => {
  responses.count++
  if (responses.count % 5 === 0) await sleep(3)
  return responses.count % 7 === 0 ? Readable.from(chunks()) : 'fine'
}

async function* chunks() {
  for (let chunk = 0; chunk < 8; chunk++) {
    yield Buffer.alloc(4096, 'a')
    await nextTurn()
  }
}

const fails = async () => {
  throw undefined
}

/** @type {import('./apps.js').ChaosRoute[]} */
const routes = [
  { path: '/now', options: { rules: [slotRule], listener }, handle },
  { path: '/later', options: { rules: [slotRule], store: slowStore, name: 'later', listener }, handle },
  {
    path: '/queued',
    // A request that leaves the queue frees its slot without an 'allowed' event.
    options: { rules: [{ ...slotRule, concurrent: 2, wait: 50, queue: 20 }] },
    handle,
  },
  {
    path: '/refused',
    options: {
      rules: [slotRule, { limit: '1/hour', by: 'everyone', cost: async () => 2 }],
      refuse: async () => ({ status: 429, body: { error: 'too many' } }),
      store: slowStore,
      name: 'refused',
    },
    handle,
  },
  { path: '/failing-client', options: { rules: [slotRule], client: fails }, handle },
  {
    path: '/failing-handler',
    options: { rules: [slotRule], store: slowStore, name: 'failing', listener },
    handle: async () => {
      throw new Error('on purpose')
    },
  },
]

const start = apps[process.argv[2] ?? '']
if (start === undefined) throw new Error(`unknown app '${process.argv[2]}'`)
const server = await start(routes)
const address = /** @type {import('node:net').AddressInfo} */ (server.address())
process.on('message', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const descriptors = readdirSync('/proc/self/fd').length
  server.getConnections((_error, connections) => {
    process.send?.({ ...slots, unhandled, descriptors, connections, memory: heapUsed + external })
  })
})
process.on('disconnect', () => process.exit())
process.send?.({ port: address.port })
