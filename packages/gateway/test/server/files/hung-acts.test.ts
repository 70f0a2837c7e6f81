import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Act } from '../../../src/policy/acts/act.js'
import { NO_ACTS } from '../../../src/policy/acts/act-set.js'
import { ActRegistry, ActsUnavailableError } from '../../../src/server/acts/act-registry.js'
import { FileActStore } from '../../../src/server/acts/file-act-store.js'
import { blockOf, setAfter } from '../acts/describe-act-store.js'
import { until } from '../gateway/running-gateway.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, open: vi.fn(actual.open), stat: vi.fn(actual.stat) }
})

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-hung-'))
  file = join(folder, 'acts.json')
})
afterEach(async () => {
  vi.resetAllMocks()
  await rm(folder, { recursive: true })
})

/** Makes the next call of a function hang. Returns a function that lets it continue. */
function hangNext<Call extends typeof open | typeof stat>(call: Call): () => void {
  let resume = () => {}
  const resumed = new Promise<void>((resolve) => {
    resume = resolve
  })
  const mock = vi.mocked(call) as ReturnType<typeof vi.fn>
  const original = mock.getMockImplementation() as (...args: unknown[]) => unknown
  mock.mockImplementationOnce(async (...args) => {
    await resumed
    return original(...args)
  })
  return resume
}

function registryOn(store: FileActStore) {
  const log: string[] = []
  const write = (_fields: object, message: string) => void log.push(message)
  const registry = new ActRegistry(store, {
    log: { info: write, warn: write, error: write, crashed: (error) => log.push(String(error)) },
    onChange: async () => {},
  })
  return { registry, log }
}

const add = (client: string) => (acts: readonly Act[]) => [...acts, blockOf(client)]

describe('a file of acts on a file system that hangs', () => {
  it('is not accessed again until the first access has ended', async () => {
    const { registry, log } = registryOn(new FileActStore(file))
    const resume = hangNext(stat)
    for (let poll = 0; poll < 5; poll++) await registry.sync()
    expect(stat).toHaveBeenCalledTimes(1)
    expect(registry.failure).toBe(`an earlier operation on ${file} has not ended`)
    resume()
    await until(async () => {
      await registry.sync()
      return registry.failure === undefined
    })
    expect(log).toEqual(['cannot read the acts; keeping the last known ones', 'the acts can be read again'])
  })

  it('does not get a change that was abandoned before the file was replaced', async () => {
    const store = new FileActStore(file)
    const { registry } = registryOn(store)
    const resume = hangNext(open)
    await expect(registry.change(add('acme'))).rejects.toBeInstanceOf(ActsUnavailableError)
    resume()
    await until(() =>
      registry.change(add('umbrella')).then(
        () => true,
        () => false,
      ),
    )
    expect(registry.acts).toEqual([expect.objectContaining({ client: 'umbrella' })])
    expect(await new FileActStore(file).read('')).toMatchObject({ acts: [{ client: 'umbrella' }] })
    expect(await readdir(folder)).toEqual(['acts.json'])
  })

  it('keeps its content and leaves no other file if the signal aborts before the replacement', async () => {
    const store = new FileActStore(file)
    const first = setAfter(NO_ACTS, [blockOf('acme')])
    await store.replace(NO_ACTS.version, first)
    const replaced = store.replace(
      first.version,
      setAfter(first, []),
      AbortSignal.abort(new Error('abandoned')),
    )
    await expect(replaced).rejects.toThrow('abandoned')
    expect(await store.read('')).toEqual(first)
    expect(await readdir(folder)).toEqual(['acts.json'])
  })
})
