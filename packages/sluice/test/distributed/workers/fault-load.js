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

const { name, policy, rate, limits, hold, deadline, grace, back } = options

/** Requests that are later than this are skipped, in milliseconds. */
const MAX_DELAY_MS = 25
/** Step in which the time until the store decides again is measured, in milliseconds. */
const STEP_MS = 20

const log = new AdmissionLog(rate * 60)
const count = { calls: 0, refused: 0, degraded: 0, unavailable: 0, overdue: 0, errors: 0, storeDecisions: 0 }
const most = { milliseconds: 0, ofBareTimer: 0, pending: 0, sockets: 0 }
/** Bytes in use before the fault, at its end, and after it. */
const memory = { before: 0, atEnd: 0, after: 0 }
/** @type {string[]} reported changes of the breaker's state */
const changes = []
let returnedAt = Number.POSITIVE_INFINITY
/** For each limit, milliseconds from the store's recovery to its first decision. */
const backAfter = limits.map(() => Number.POSITIVE_INFINITY)
/** Whether all limits were decided within `back` milliseconds. */
let wasBackInTime = false
let isJudged = false
/** @type {Set<string>} error replies of the server */
const replies = new Set()
let error = ''

process.on('unhandledRejection', onError)
process.on('uncaughtException', onError)

let pending = 0
const { store: watched, refunds } = recordRefunds(watchTakes(store, countPending))
const guarded = withFailurePolicy(watched, {
  ...policy,
  deadline,
  onStateChange: ({ state }) => void changes.push(state),
})
/** @type {any} the last verdicts that the limiter received, since its decision has no time */
let verdicts
const monitored = watchTakes(guarded, (taken) => {
  verdicts = taken
})
const limiters = limits.map((/** @type {object} */ rule, /** @type {number} */ kind) =>
  createLimiter({ store: monitored, name: `${name} ${kind}`, rules: [rule] }),
)

serveRequests(load, (signal) => {
  if (signal === 'fault') memory.before = bytesInUse()
  if (signal === 'returned') watchRecovery()
})

async function load() {
  /** @type {Set<Promise<void>>} */
  const inFlight = new Set()
  const begun = now()
  for (let due = begun; !isJudged; ) {
    // A process that was stopped for a moment does not catch up on all missed requests at once.
    for (due = Math.max(due, now() - MAX_DELAY_MS); due < now(); due += 1000 / rate, count.calls++) {
      const each = request(count.calls % limiters.length).catch(onError)
      inFlight.add(each)
      each.finally(() => inFlight.delete(each))
    }
    most.sockets = Math.max(most.sockets, sockets())
    await pause(4)
  }
  const requestsPerSecond = (count.calls * 1000) / (now() - begun)
  await Promise.all(inFlight)
  await until(() => pending === 0 && guarded.stats().settlementsWaiting === 0)
  const slots = { free: 0 }
  await until(async () => {
    const [{ allowed, remaining }] = (await limiters.at(-1).peek('one key')).quotas
    // `remaining` is the rest after this request.
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
    most: { ...most, pendingLeft: pending, socketsLeft },
    memory,
    changes,
    replies: [...replies],
    back: { after: Math.max(...backAfter), inTime: wasBackInTime },
    isClosed,
    stats,
    error,
  }
}

/** @param {number} kind */
async function request(kind) {
  const { permit, verdict } = await decided(kind)
  if (verdict === undefined) return
  if (verdict.degraded) count.degraded++
  else if (!verdict.remembered) storeDecided(kind)
  if (permit === undefined) {
    count.refused++
    return
  }
  const heldFrom = now()
  if (permit.holdsSlots) await pause(hold)
  const at = verdict.degraded === 'local' ? verdict.at + heldFrom - performance.now() : verdict.at
  log.add({ kind, source: verdict.degraded ?? 'store', at, heldFrom, heldUntil: now() })
  await permit.release()
}

/**
 * Returns a decision and the verdict on its only rule, or nothing if the store is unavailable.
 *
 * @param {number} kind
 */
async function decided(kind) {
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
    most.milliseconds = Math.max(most.milliseconds, now() - startedAt)
  }
}

/**
 * Checks whether a request is decided after two timers: one of the deadline, started right after
 * that of the policy, then one of the grace period. Node runs timers of equal length, and
 * immediates, in the order in which they were started. A stalled process delays all of them alike,
 * so any other wait shows.
 *
 * @param {number} startedAt
 * @param {() => boolean} isDecided
 */
function watchDeadline(startedAt, isDecided) {
  const judge = () => {
    if (!isDecided()) count.overdue++
  }
  setTimeout(() => {
    most.ofBareTimer = Math.max(most.ofBareTimer, now() - startedAt)
    setTimeout(() => setImmediate(judge), grace)
  }, deadline)
}

/** @param {number} kind */
function storeDecided(kind) {
  count.storeDecisions++
  if (now() >= returnedAt) backAfter[kind] = Math.min(backAfter[kind], now() - returnedAt)
}

function watchRecovery() {
  memory.atEnd = bytesInUse()
  returnedAt = now()
  countDown(back / STEP_MS)
}

/**
 * Judges the recovery after this many steps, each started after the previous one. In a process that
 * runs freely they take `back` milliseconds, and longer in a stalled process, as the store then
 * does.
 *
 * @param {number} steps
 */
function countDown(steps) {
  if (steps > 0) setTimeout(countDown, STEP_MS, steps - 1)
  // Responses that have arrived by then are read first.
  else
    setImmediate(() => {
      wasBackInTime = !backAfter.includes(Number.POSITIVE_INFINITY)
      isJudged = true
    })
}

/** @param {Promise<any>} taken */
async function countPending(taken) {
  most.pending = Math.max(most.pending, ++pending)
  try {
    await taken
  } catch (thrown) {
    // An error reply of the server, not a lost connection.
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
