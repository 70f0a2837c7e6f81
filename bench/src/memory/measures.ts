import { CannotRun, type Contender, type Started } from '../harness/bench.js'
import type { Decider } from './deciders.js'

/**
 * What a decision takes in nanoseconds, on keys that are known and come in random order: processor time of the whole process, that of the garbage
 * collector included, and not the time in which others ran.
 */
export function decisionTime(
  name: string,
  role: Contender['role'],
  make: () => Decider,
  keyCount: number,
  decisions: number,
): Contender {
  return onKnownKeys(name, role, make, keyCount, decisions, (decider, keys, order) => async () => {
    const before = process.cpuUsage()
    await ask(decider, keys, order)
    return (microsecondsSince(before) * 1000) / decisions
  })
}

/**
 * As `decisionTime`, but each decision is asked with a string that is read from bytes for it, as a server has its keys. What the reading takes is
 * measured beside it and left out.
 */
export function newStringTime(
  name: string,
  role: Contender['role'],
  make: () => Decider,
  keyCount: number,
  decisions: number,
): Contender {
  return onKnownKeys(name, role, make, keyCount, decisions, (decider, keys, order) => {
    const bytes = Buffer.from(keys.join(''), 'latin1')
    const ends: number[] = []
    for (const key of keys) ends.push((ends.at(-1) ?? 0) + key.length)
    const read = (index: number) => bytes.toString('latin1', ends[index - 1] ?? 0, ends[index])
    return async () => {
      const before = process.cpuUsage()
      if ('admit' in decider) {
        for (const index of order) if (!decider.admit(read(index))) throw new Error('refused')
      } else {
        for (const index of order) await decider.admitLater(read(index))
      }
      const deciding = microsecondsSince(before)
      const between = process.cpuUsage()
      let length = 0
      for (const index of order) length += read(index).length
      if (length === 0) throw new Error('nothing was read')
      return ((deciding - microsecondsSince(between)) * 1000) / decisions
    }
  })
}

/** What is measured of a decider that knows its keys, which are asked for in random order: the same in every run. */
function onKnownKeys(
  name: string,
  role: Contender['role'],
  make: () => Decider,
  keyCount: number,
  decisions: number,
  measureOf: (decider: Decider, keys: readonly string[], order: Uint32Array) => Started['measure'],
): Contender {
  return {
    name,
    role,
    async start(): Promise<Started> {
      const decider = make()
      const keys = keysOf(keyCount)
      await ask(decider, keys, Uint32Array.from(keys.keys()))
      const random = xorshift(1)
      const order = Uint32Array.from({ length: decisions }, () => random() % keyCount)
      return { measure: measureOf(decider, keys, order) }
    },
  }
}

/** Processor time of this process. */
function microsecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** What a key takes in bytes, beside the caller's own string. */
export function bytesPerKey(
  name: string,
  role: Contender['role'],
  make: () => Decider,
  keyCount: number,
): Contender {
  return {
    name,
    role,
    start: () => {
      const keys = keysOf(keyCount)
      return {
        async measure() {
          const before = memoryInUse()
          const decider = make()
          await ask(decider, keys, Uint32Array.from(keys.keys()))
          const used = memoryInUse() - before
          // It has to be there while it is weighed.
          await ask(decider, keys, Uint32Array.of(0))
          return used / keyCount
        },
      }
    },
  }
}

/** Runs in which a pause has to come again to count: what the machine or others did does not. */
const RUNS = 2

/**
 * The longest pause in milliseconds while fresh keys come: the longest decision that is as long in both runs, or the longest pause of the garbage
 * collector in the better run, whichever is longer.
 */
export function longestPause(
  name: string,
  role: Contender['role'],
  make: () => Decider,
  keyCount: number,
): Contender {
  return {
    name,
    role,
    start: () => ({
      async measure() {
        const shortest = new Float32Array(keyCount).fill(Number.POSITIVE_INFINITY)
        let collecting = Number.POSITIVE_INFINITY
        for (let run = 0; run < RUNS; run++) {
          globalThis.gc?.()
          collecting = Math.min(collecting, await longestCollection(() => watch(make(), shortest)))
        }
        return Math.max(
          collecting,
          shortest.reduce((most, each) => Math.max(most, each)),
        )
      },
    }),
  }
}

/** Asks about as many fresh keys as there are places, and notes how long each took where it is less than what stands there. */
async function watch(decider: Decider, shortest: Float32Array): Promise<void> {
  if (!('admit' in decider)) throw new Error('only for what decides at once')
  for (let index = 0; index < shortest.length; index++) {
    const key = `client ${index}`
    const begun = performance.now()
    decider.admit(key)
    const took = performance.now() - begun
    if (took < (shortest[index] as number)) shortest[index] = took
  }
}

async function longestCollection(work: () => Promise<void>): Promise<number> {
  let longest = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
  })
  observer.observe({ entryTypes: ['gc'] })
  await work()
  // The entries come with the next turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 100))
  observer.disconnect()
  return longest
}

async function ask(decider: Decider, keys: readonly string[], order: Uint32Array): Promise<void> {
  if ('admit' in decider) {
    for (const index of order) if (!decider.admit(keys[index] as string)) throw new Error('refused')
  } else {
    for (const index of order) await decider.admitLater(keys[index] as string)
  }
}

function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const key = `client ${index}`
    // A string that was joined is flat once somebody has looked into it.
    key.charCodeAt(0)
    return key
  })
}

function memoryInUse(): number {
  if (globalThis.gc === undefined) throw new CannotRun('the garbage cannot be collected first')
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Marsaglia's generator of 32 bits: the same numbers in every run. */
function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
