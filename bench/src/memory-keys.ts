/**
 * Measures memory and decision latency while a memory store of 1,000,000 keys receives a flood of
 * 10,000,000 distinct keys, and checks that no live state is lost.
 *
 *     npm run bench:keys
 *
 * A thousand known clients use up their limits before the flood. Live state is never evicted, so
 * none of them may be admitted until their windows end.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLimiter, manualClock, memoryStore } from 'sluice'

const KEYS = 10_000_000
const MAX_KEYS = 1_000_000
const CLIENTS = 1000
const LIMIT = 10

/**
 * Decisions per millisecond of the store's clock. The whole flood takes 100 s on that clock; the
 * period of the limit is 60 s.
 */
const DECISIONS_PER_MS = 100

const clock = manualClock()
const store = memoryStore({ maxKeys: MAX_KEYS, clock })
const limiter = createLimiter({ rules: [{ limit: `${LIMIT}/minute`, algorithm: 'fixed-window' }], store })

const admit = (key: string): boolean => {
  const decision = limiter.admit(key)
  if (decision instanceof Promise) throw new Error('the memory store must decide synchronously')
  return decision.allowed
}

collectGarbage()
const before = process.memoryUsage()

for (let client = 0; client < CLIENTS; client++) {
  for (let request = 0; request < LIMIT; request++) admit(`client-${client}`)
}

// The latency of a decision includes a garbage collection that interrupts it.
let longestCollection = 0
const collections = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longestCollection = Math.max(longestCollection, duration)
})
collections.observe({ entryTypes: ['gc'] })

const latencies = new Float64Array(KEYS)
let peak = 0
let lost = 0
for (let index = 0; index < KEYS; index++) {
  const key = `flood-${index}`
  const start = performance.now()
  admit(key)
  latencies[index] = performance.now() - start
  if (index % DECISIONS_PER_MS === 0) clock.advance(1)
  // 55 s into the flood the clients' windows are still open, and the store is full.
  if (index === 55_000 * DECISIONS_PER_MS) lost = countAdmitted()
  if (index % 100_000 === 0) {
    peak = Math.max(peak, process.memoryUsage().rss)
    if (index % 1_000_000 === 0) process.stderr.write(`\r${((index / KEYS) * 100).toFixed(0)} %`)
  }
}
process.stderr.write('\r     \r')
// The observer collects its entries in the first turn after the loop and delivers them in the next.
await nextTurn()
await nextTurn()
collections.disconnect()

collectGarbage()
const after = process.memoryUsage()
const keys = store.keys
latencies.sort()

const heap = (after.heapUsed - before.heapUsed) / keys
const microseconds = (fraction: number) =>
  `${((latencies[Math.floor(fraction * (KEYS - 1))] as number) * 1000).toFixed(1)} µs`
const count = (value: number) => value.toLocaleString('en-US')
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

console.log(`distinct keys                  ${count(KEYS)}`)
console.log(`maxKeys                        ${count(MAX_KEYS)}`)
console.log(`keys stored at the end         ${count(keys)}`)
console.log(`charges counted as overflow    ${count(store.overflowed)}`)
console.log(`live state lost                ${lost} of ${count(CLIENTS)} clients`)
console.log(`heap per key, with its string  ${heap.toFixed(0)} bytes`)
console.log(
  `peak resident memory           ${mebibytes(peak)} (${mebibytes(before.rss + latencies.byteLength)} of it before the first key)`,
)
console.log(`decision: p50                  ${microseconds(0.5)}`)
console.log(`          p99                  ${microseconds(0.99)}`)
console.log(`          p99.9                ${microseconds(0.999)}`)
console.log(`          p99.999              ${microseconds(0.99999)}`)
console.log(`          max                  ${microseconds(1)}`)
console.log(`longest garbage collection     ${(longestCollection * 1000).toFixed(1)} µs`)

/** Returns how many of the known clients are admitted although their limits are used up. */
function countAdmitted(): number {
  let admitted = 0
  for (let client = 0; client < CLIENTS; client++) if (admit(`client-${client}`)) admitted++
  return admitted
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('requires node --expose-gc; run `npm run bench:keys`')
  globalThis.gc()
}
