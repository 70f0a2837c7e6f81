/**
 * A flood of 10,000,000 distinct keys against a memory store of 1,000,000: what it costs in memory, what it does to
 * the latency of a decision, and whether anybody's state was lost.
 *
 *     npm run bench:keys
 *
 * A thousand known clients use up their limits before the flood. State in use is never thrown away, so none of them may
 * be let in while their limits last.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLimiter, manualClock, memoryStore } from 'sluice'

const KEYS = 10_000_000
const MAX_KEYS = 1_000_000
const CLIENTS = 1000
const LIMIT = 10

/** Decisions a millisecond of the store's time: the whole flood takes 100 s of it, and the period is 60 s. */
const PER_MILLISECOND = 100

const clock = manualClock()
const store = memoryStore({ maxKeys: MAX_KEYS, clock })
const limiter = createLimiter({ rules: [{ limit: `${LIMIT}/minute`, algorithm: 'fixed-window' }], store })

const admit = (key: string): boolean => {
  const decision = limiter.admit(key)
  if (decision instanceof Promise) throw new Error('the memory store answers at once')
  return decision.allowed
}

collectGarbage()
const before = process.memoryUsage()

for (let client = 0; client < CLIENTS; client++) {
  for (let request = 0; request < LIMIT; request++) admit(`client-${client}`)
}

// A decision during which the collector stopped the world is told as slow as that.
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
  if (index % PER_MILLISECOND === 0) clock.advance(1)
  // 55 s into the flood the clients' windows are still open, and the store has long been full.
  if (index === 55_000 * PER_MILLISECOND) lost = countAdmitted()
  if (index % 100_000 === 0) {
    peak = Math.max(peak, process.memoryUsage().rss)
    if (index % 1_000_000 === 0) process.stderr.write(`\r${((index / KEYS) * 100).toFixed(0)} %`)
  }
}
process.stderr.write('\r     \r')
// The collector's record is gathered in the first turn after the loop, and handed over in the second.
await nextTurn()
await nextTurn()
collections.disconnect()

collectGarbage()
const after = process.memoryUsage()
const keys = store.keys
latencies.sort()

const heap = (after.heapUsed - before.heapUsed) / keys
const us = (fraction: number) =>
  `${((latencies[Math.floor(fraction * (KEYS - 1))] as number) * 1000).toFixed(1)} µs`
const count = (value: number) => value.toLocaleString('en-US')
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

console.log(`distinct keys asked about      ${count(KEYS)}`)
console.log(`maxKeys                        ${count(MAX_KEYS)}`)
console.log(`keys kept at the end           ${count(keys)}`)
console.log(`charges counted as overflow    ${count(store.overflowed)}`)
console.log(`state in use that was lost     ${lost} of ${count(CLIENTS)} clients`)
console.log(`heap a key, its string included ${heap.toFixed(0)} bytes`)
console.log(
  `peak resident memory           ${mebibytes(peak)} (${mebibytes(before.rss + latencies.byteLength)} of it before the first key)`,
)
console.log(`a decision: p50                ${us(0.5)}`)
console.log(`            p99                ${us(0.99)}`)
console.log(`            p99.9              ${us(0.999)}`)
console.log(`            p99.999            ${us(0.99999)}`)
console.log(`            max                ${us(1)}`)
console.log(`longest garbage collection     ${(longestCollection * 1000).toFixed(1)} µs`)

/** How many of the known clients, whose limits are used up, are let in. */
function countAdmitted(): number {
  let admitted = 0
  for (let client = 0; client < CLIENTS; client++) if (admit(`client-${client}`)) admitted++
  return admitted
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run with node --expose-gc, as npm run bench:keys does')
  globalThis.gc()
}
