import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Act, MAX_ACTS } from '../../../src/policy/acts/act.js'
import type { ActSet } from '../../../src/policy/acts/act-set.js'
import { ActRegistry, ActsUnavailableError, TooManyActsError } from '../../../src/server/acts/act-registry.js'
import { type ActStore, MemoryActStore } from '../../../src/server/acts/act-store.js'
import { blockOf } from './describe-act-store.js'

const SEED = 20261202

/** A store whose calls fail as an operator of the test wants. */
class FaultyStore implements ActStore {
  readonly isShared = true
  readonly isRemote = true
  /** How the next calls fail: before they take effect, or after. */
  readonly faults: (undefined | 'before' | 'after')[] = []
  #inner = new MemoryActStore()

  read(known: string): Promise<ActSet | 'unchanged' | undefined> {
    return this.#call(() => this.#inner.read(known))
  }

  replace(expected: string, next: ActSet): Promise<boolean> {
    return this.#call(() => this.#inner.replace(expected, next))
  }

  /** Loses everything, as a server without persistence does. */
  lose(): void {
    this.#inner = new MemoryActStore()
  }

  async close(): Promise<void> {}

  async #call<T>(call: () => Promise<T>): Promise<T> {
    const fault = this.faults.shift()
    // The calls of other gateways come in between.
    await new Promise(setImmediate)
    if (fault === 'before') throw new Error('connection refused')
    const result = await call()
    if (fault === 'after') throw new Error('connection reset')
    return result
  }
}

function registryOn(store: ActStore, now = () => 0) {
  const log: string[] = []
  const write = (_fields: object, message: string) => void log.push(message)
  const applied: (readonly Act[])[] = []
  const registry = new ActRegistry(store, {
    log: { info: write, warn: write, error: write, crashed: (error) => log.push(String(error)) },
    onChange: async (acts) => void applied.push(acts),
    now,
  })
  return { registry, log, applied }
}

const add = (client: string) => (acts: readonly Act[]) => [...acts, blockOf(client)]
const clientsOf = ({ acts }: ActRegistry) =>
  acts.map((act) => ('client' in act ? act.client : undefined)).toSorted()

describe('the acts of several gateways', () => {
  it('contain every confirmed change and no rejected one, whatever calls fail', async () => {
    const fault = fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      fc.constantFrom('before' as const, 'after' as const),
    )
    let uncertain = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }),
        fc.array(fault, { maxLength: 30 }),
        async (gateways, faults) => {
          const store = new FaultyStore()
          const registries = [0, 1, 2].map(() => registryOn(store).registry)
          store.faults.push(...faults)
          const outcomes = await Promise.all(
            gateways.map(async (gateway, number) => {
              const changed = registries[gateway]?.change(add(`client-${number}`)) as Promise<void>
              return changed.then(
                () => 'confirmed',
                (error: Error) => {
                  expect(error).toBeInstanceOf(ActsUnavailableError)
                  return error.message.includes('nothing was changed') ? 'rejected' : 'uncertain'
                },
              )
            }),
          )
          store.faults.length = 0
          for (const registry of registries) await registry.sync()
          const [first] = registries as [ActRegistry]
          for (const registry of registries) expect(clientsOf(registry)).toEqual(clientsOf(first))
          for (const [number, outcome] of outcomes.entries()) {
            const isPresent = clientsOf(first).includes(`client-${number}`)
            if (outcome === 'uncertain') uncertain++
            else expect(isPresent, outcome).toBe(outcome === 'confirmed')
          }
          expect(new Set(clientsOf(first)).size).toBe(first.acts.length)
        },
      ),
      { seed: SEED, numRuns: 300 },
    )
    expect(uncertain).toBeGreaterThan(50)
  })

  it('are written back if the store loses them, by the gateway that knows the newest', async () => {
    const store = new FaultyStore()
    const [one, other] = [registryOn(store), registryOn(store)]
    await one.registry.change(add('acme'))
    await other.registry.sync()
    await other.registry.change(add('umbrella'))
    store.lose()
    await one.registry.sync()
    await other.registry.sync()
    await one.registry.sync()
    expect(clientsOf(one.registry)).toEqual(['acme', 'umbrella'])
    expect(one.log).toEqual(['restored acts that the store had lost'])
    const third = registryOn(store)
    await third.registry.start()
    expect(clientsOf(third.registry)).toEqual(['acme', 'umbrella'])
  })
})

describe('the acts of a gateway', () => {
  it('stay in effect while the store is unavailable, which is logged once', async () => {
    const store = new FaultyStore()
    const { registry, log, applied } = registryOn(store)
    await registry.change(add('acme'))
    store.faults.push('before', 'before', 'before')
    await registry.sync()
    await registry.sync()
    await expect(registry.change(add('umbrella'))).rejects.toThrow('nothing was changed: connection refused')
    expect(clientsOf(registry)).toEqual(['acme'])
    expect(registry.failure).toBe('connection refused')
    await registry.sync()
    expect(registry.failure).toBeUndefined()
    expect(log).toEqual(['cannot read the acts; keeping the last known ones', 'the acts can be read again'])
    expect(applied).toHaveLength(1)
  })

  it('are missing until the store responds for the first time', async () => {
    const store = new FaultyStore()
    await registryOn(store).registry.change(add('acme'))
    const { registry, applied } = registryOn(store)
    store.faults.push('before')
    await registry.start()
    expect(registry.acts).toEqual([])
    await registry.sync()
    expect(clientsOf(registry)).toEqual(['acme'])
    expect(applied).toHaveLength(1)
  })

  it('end at their time, and do not count afterwards', async () => {
    let now = 0
    const { registry, applied } = registryOn(new MemoryActStore(), () => now)
    await registry.change((acts) => [...acts, blockOf('acme', 10), blockOf('umbrella')])
    now = 9
    await registry.sync()
    expect(clientsOf(registry)).toEqual(['acme', 'umbrella'])
    now = 10
    await registry.sync()
    expect(clientsOf(registry)).toEqual(['umbrella'])
    expect(applied.map(({ length }) => length)).toEqual([2, 1])
    await registry.change((acts) => {
      expect(acts).toHaveLength(1)
      return acts
    })
  })

  it('are bounded', async () => {
    const { registry } = registryOn(new MemoryActStore())
    const many = Array.from({ length: MAX_ACTS }, (_, number) => blockOf(`client-${number}`))
    await registry.change(() => many)
    await expect(registry.change(add('one more'))).rejects.toBeInstanceOf(TooManyActsError)
    expect(registry.acts).toHaveLength(MAX_ACTS)
  })
})
