import { CannotRun, type Contender, type Started } from '../harness/bench.js'
import type { Decider } from './deciders.js'

/**
 * Measures the processor time per decision in nanoseconds, on known keys in random order. It
 * includes the garbage collection of this process but excludes other processes.
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
    await decideAll(decider, keys, order)
    return (microsecondsSince(before) * 1000) / decisions
  })
}

/**
 * Measures like `decisionTime`, but decodes a new string from bytes for each decision, as a server
 * does with its keys. The decoding time is measured separately and subtracted.
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
        for (const index of order)
          if (!decider.admit(read(index))) throw new Error('the limiter refused a request')
      } else {
        for (const index of order) await decider.admitAsync(read(index))
      }
      const deciding = microsecondsSince(before)
      const between = process.cpuUsage()
      let length = 0
      for (const index of order) length += read(index).length
      if (length === 0) throw new Error('all decoded keys are empty')
      return ((deciding - microsecondsSince(between)) * 1000) / decisions
    }
  })
}

/** Creates a contender that is measured on known keys, in the same random order in every run. */
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
      await decideAll(decider, keys, Uint32Array.from(keys.keys()))
      const random = xorshift(1)
      const order = Uint32Array.from({ length: decisions }, () => random() % keyCount)
      return { measure: measureOf(decider, keys, order) }
    },
  }
}

/** Returns the processor time of this process since `before`, in microseconds. */
function microsecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Measures the memory per key in bytes, excluding the caller's own string. */
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
          await decideAll(decider, keys, Uint32Array.from(keys.keys()))
          const used = memoryInUse() - before
          // Keeps the limiter reachable while memory is measured.
          await decideAll(decider, keys, Uint32Array.of(0))
          return used / keyCount
        },
      }
    },
  }
}

/** Decisions between two garbage collections. Their garbage fits into the young generation. */
const BATCH = 10_000

/** Measures the bytes that a decision on a known key allocates. */
export function allocatedBytes(
  name: string,
  role: Contender['role'],
  make: () => Decider,
  keyCount: number,
): Contender {
  return onKnownKeys(name, role, make, keyCount, BATCH, (decider, keys, order) => async () => {
    let bytes = 0
    for (let batch = 0; batch < 100; batch++) {
      globalThis.gc?.()
      const before = process.memoryUsage().heapUsed
      await decideAll(decider, keys, order)
      bytes += process.memoryUsage().heapUsed - before
    }
    return bytes / (100 * BATCH)
  })
}

/** Number of runs. A pause counts only if it recurs in every run, which excludes outside noise. */
const RUNS = 2

/**
 * Measures the longest pause in milliseconds while new keys are inserted: the longest decision that
 * recurs in both runs, or the longest garbage collection of the better run, whichever is longer.
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
          collecting = Math.min(collecting, await longestCollection(() => timeDecisions(make(), shortest)))
        }
        return Math.max(
          collecting,
          shortest.reduce((longest, each) => Math.max(longest, each)),
        )
      },
    }),
  }
}

/** Decides on one new key per element, and lowers each element to the duration of its decision. */
async function timeDecisions(decider: Decider, shortest: Float32Array): Promise<void> {
  if (!('admit' in decider))
    throw new Error('the longest pause can be measured only on a synchronous limiter')
  for (let index = 0; index < shortest.length; index++) {
    const key = `client ${index}`
    const start = performance.now()
    decider.admit(key)
    const took = performance.now() - start
    if (took < (shortest[index] as number)) shortest[index] = took
  }
}

/** Returns the duration of the longest garbage collection during the work, in milliseconds. */
async function longestCollection(work: () => Promise<void>): Promise<number> {
  let longest = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
  })
  observer.observe({ entryTypes: ['gc'] })
  await work()
  // The entries arrive in a later turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 100))
  observer.disconnect()
  return longest
}

async function decideAll(decider: Decider, keys: readonly string[], order: Uint32Array): Promise<void> {
  if ('admit' in decider) {
    for (const index of order)
      if (!decider.admit(keys[index] as string)) throw new Error('the limiter refused a request')
  } else {
    for (const index of order) await decider.admitAsync(keys[index] as string)
  }
}

function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const key = `client ${index}`
    // Reading a character flattens the concatenated string.
    key.charCodeAt(0)
    return key
  })
}

function memoryInUse(): number {
  if (globalThis.gc === undefined) throw new CannotRun('requires node --expose-gc')
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Creates Marsaglia's 32-bit xorshift generator, which gives the same numbers in every run. */
function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
