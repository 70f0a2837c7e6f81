// Makes requests at a steady rate while the store fails and recovers, and reports the outcomes.
import { setTimeout as pause } from 'node:timers/promises'
import { createLimiter, withFailurePolicy } from 'sluice'
import { AdmissionLog } from './admission-log.js'
import { now } from './clock.js'
import { bytesInUse, sockets } from './health.js'
import { watchTakes } from './monitored-store.js'
import { recordRefunds } from './refunds.js'
import { disconnect, store } from './store.js'
import { options, serveRequests } from './worker-messages.js'

const { name, policy, rate, limits, holdMs, deadlineMs, graceMs, recoveryMs } = options

/** Requests that are delayed by more than this are skipped. */
const MAX_DELAY_MS = 25
/** Duration of one step of the countdown after the store's recovery. */
const STEP_MS = 20

const log = new AdmissionLog(rate * 60)
const count = { calls: 0, refused: 0, degraded: 0, unavailable: 0, overdue: 0, errors: 0, storeDecisions: 0 }
const max = { decisionMs: 0, timerMs: 0, pending: 0, sockets: 0 }
/** Bytes in use before the fault, at its end, and after it. */
const memory = { before: 0, atEnd: 0, after: 0 }
/** @type {string[]} reported changes of the breaker's state */
const changes = []
let recoveredAt = Number.POSITIVE_INFINITY
/** For each limit, milliseconds from the store's recovery to its first decision. */
const recoveryTimes = limits.map(() => Number.POSITIVE_INFINITY)
/** True if the store decided for all limits within `recoveryMs`. */
let hasRecoveredInTime = false
let isRecoveryChecked = false
/** @type {Set<string>} error replies of the server */
const replies = new Set()
let error = ''

process.on('unhandledRejection', onError)
process.on('uncaughtException', onError)

let pending = 0
const { store: watched, refunds } = recordRefunds(watchTakes(store, countPending))
const guarded = withFailurePolicy(watched, {
  ...policy,
  deadline: deadlineMs,
  onStateChange: ({ state }) => void changes.push(state),
})
/** @type {any} the last verdicts that the limiter received, since a decision has no timestamp */
let verdicts
const monitored = watchTakes(guarded, (taken) => {
  verdicts = taken
})
const limiters = limits.map((/** @type {object} */ rule, /** @type {number} */ kind) =>
  createLimiter({ store: monitored, name: `${name} ${kind}`, rules: [rule] }),
)

serveRequests(load, (signal) => {
  if (signal === 'fault') memory.before = bytesInUse()
  if (signal === 'recovered') watchRecovery()
})

async function load() {
  /** @type {Set<Promise<void>>} */
  const inFlight = new Set()
  const begun = now()
  for (let due = begun; !isRecoveryChecked; ) {
    // A process that stalled does not send all missed requests at once.
    for (due = Math.max(due, now() - MAX_DELAY_MS); due < now(); due += 1000 / rate, count.calls++) {
      const each = request(count.calls % limiters.length).catch(onError)
      inFlight.add(each)
      each.finally(() => inFlight.delete(each))
    }
    max.sockets = Math.max(max.sockets, sockets())
    await pause(4)
  }
  const requestsPerSecond = (count.calls * 1000) / (now() - begun)
  await Promise.all(inFlight)
  await until(() => pending === 0 && guarded.stats().settlementsWaiting === 0)
  const slots = { free: 0 }
  await until(async () => {
    const [{ allowed, remaining }] = (await limiters.at(-1).peek('one key')).quotas
    // `remaining` excludes the slot that this request would take.
    slots.free = allowed ? remaining + 1 : 0
    return slots.free === limits.at(-1).concurrent
  })
  memory.after = bytesInUse()
  const socketsLeft = sockets()
  await guarded.close()
  await disconnect()
  await until(() => sockets() === 0)
  const isClosed = sockets() === 0
  const stats = guarded.stats()
  return {
    log: log.rows(),
    refunds,
    requestsPerSecond,
    count,
    slots,
    max: { ...max, pendingLeft: pending, socketsLeft },
    memory,
    changes,
    replies: [...replies],
    recovery: { afterMs: Math.max(...recoveryTimes), inTime: hasRecoveredInTime },
    isClosed,
    stats,
    error,
  }
}

/** @param {number} kind */
async function request(kind) {
  const { permit, verdict } = await decide(kind)
  if (verdict === undefined) return
  if (verdict.degraded) count.degraded++
  else if (!verdict.remembered) onStoreDecision(kind)
  if (permit === undefined) {
    count.refused++
    return
  }
  const heldFrom = now()
  if (permit.holdsSlots) await pause(holdMs)
  const at = verdict.degraded === 'local' ? verdict.at + heldFrom - performance.now() : verdict.at
  log.add({ kind, source: verdict.degraded ?? 'store', at, heldFrom, heldUntil: now() })
  await permit.release()
}

/**
 * Returns the permit and the verdict of a decision on one rule. Both are undefined if the store is
 * unavailable.
 *
 * @param {number} kind
 */
async function decide(kind) {
  const startedAt = now()
  let isDecided = false
  try {
    const decision = limiters[kind].admit('one key')
    const taken = verdicts
    watchDeadline(startedAt, () => isDecided)
    const { permit } = await decision
    const [verdict] = await taken
    return { permit, verdict }
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== 'StoreUnavailableError') throw thrown
    count.unavailable++
    return {}
  } finally {
    isDecided = true
    max.decisionMs = Math.max(max.decisionMs, now() - startedAt)
  }
}

/**
 * Counts a request as overdue if it is undecided after two timers: one with the deadline, started
 * right after the policy's own timer, and one with the grace period. Node runs timers of equal
 * length, and immediates, in the order in which they were started. A stalled process delays all of
 * them equally, so only other delays make a request overdue.
 *
 * @param {number} startedAt
 * @param {() => boolean} isDecided
 */
function watchDeadline(startedAt, isDecided) {
  const check = () => {
    if (!isDecided()) count.overdue++
  }
  setTimeout(() => {
    max.timerMs = Math.max(max.timerMs, now() - startedAt)
    setTimeout(() => setImmediate(check), graceMs)
  }, deadlineMs)
}

/** @param {number} kind */
function onStoreDecision(kind) {
  count.storeDecisions++
  if (now() >= recoveredAt) recoveryTimes[kind] = Math.min(recoveryTimes[kind], now() - recoveredAt)
}

function watchRecovery() {
  memory.atEnd = bytesInUse()
  recoveredAt = now()
  countDown(recoveryMs / STEP_MS)
}

/**
 * Checks the recovery after a number of steps, each started after the previous one. The steps take
 * `recoveryMs` in total. In a stalled process they take longer, and so does the store's recovery.
 *
 * @param {number} steps
 */
function countDown(steps) {
  if (steps > 0) setTimeout(countDown, STEP_MS, steps - 1)
  // Responses that have arrived by then are read first.
  else
    setImmediate(() => {
      hasRecoveredInTime = !recoveryTimes.includes(Number.POSITIVE_INFINITY)
      isRecoveryChecked = true
    })
}

/** @param {Promise<any>} taken */
async function countPending(taken) {
  max.pending = Math.max(max.pending, ++pending)
  try {
    await taken
  } catch (thrown) {
    // The server sent an error reply; the connection was not lost.
    if (thrown instanceof Error && thrown.name === 'ReplyError') replies.add(thrown.message)
  } finally {
    pending--
  }
}

/** @param {unknown} reason */
function onError(reason) {
  count.errors++
  error = reason instanceof Error ? (reason.stack ?? '') : String(reason)
}

/** @param {() => boolean | Promise<boolean>} condition an error counts as false */
async function until(condition) {
  const end = now() + 10_000
  const holds = async () => condition()
  while (!(await holds().catch(() => false)) && now() < end) await pause(10)
}
