// Makes requests at a steady rate while its store fails and comes back, and says what became of them.
import { setTimeout as pause } from 'node:timers/promises'
import { createLimiter, withFailurePolicy } from 'sluice'
import { AdmissionLog } from './admission-log.js'
import { now } from './clock.js'
import { answerWith, options } from './conversation.js'
import { bytesInUse, sockets } from './health.js'
import { watchGivenBack } from './refunds.js'
import { disconnect, store } from './store.js'
import { watchTakes } from './watched-store.js'

const { name, policy, rate, limits, hold, deadline, grace, back } = options

/** By how many milliseconds requests may come later than the rate says, to be made all the same. */
const MAX_BEHIND = 25
/** In steps of so many milliseconds it is counted how long the store takes to come back. */
const STEP = 20

const log = new AdmissionLog(rate * 60)
const count = { calls: 0, refused: 0, degraded: 0, unavailable: 0, overdue: 0, errors: 0, storeDecisions: 0 }
const most = { milliseconds: 0, ofBareTimer: 0, unanswered: 0, sockets: 0 }
/** Bytes in use before the fault, at its end, and after it. */
const memory = { before: 0, atEnd: 0, after: 0 }
/** @type {string[]} that the store was lost (`open`) and found again, as the policy tells it */
const changes = []
let returnedAt = Number.POSITIVE_INFINITY
/** For each limit, milliseconds from the store's return to its first decision. */
const backAfter = limits.map(() => Number.POSITIVE_INFINITY)
/** Whether all were back within `back` milliseconds. */
let wasBackInTime = false
let isJudged = false
/** @type {Set<string>} errors that the server answered */
const replies = new Set()
let error = ''

process.on('unhandledRejection', failed)
process.on('uncaughtException', failed)

let unanswered = 0
const { store: watched, givenBack } = watchGivenBack(watchTakes(store, countUnanswered))
const guarded = withFailurePolicy(watched, {
  ...policy,
  deadline,
  onStateChange: ({ state }) => void changes.push(state),
})
/** @type {any} what the limiter was told last; its decision does not say when it was made */
let verdicts
const told = watchTakes(guarded, (taken) => {
  verdicts = taken
})
const limiters = limits.map((/** @type {object} */ rule, /** @type {number} */ kind) =>
  createLimiter({ store: told, name: `${name} ${kind}`, rules: [rule] }),
)

answerWith(load, (word) => {
  if (word === 'fault') memory.before = bytesInUse()
  if (word === 'returned') watchReturn()
})

async function load() {
  /** @type {Set<Promise<void>>} */
  const underWay = new Set()
  const begun = now()
  for (let due = begun; !isJudged; ) {
    // What a process that was stopped for a moment has missed is not made up for all at once.
    for (due = Math.max(due, now() - MAX_BEHIND); due < now(); due += 1000 / rate, count.calls++) {
      const each = request(count.calls % limiters.length).catch(failed)
      underWay.add(each)
      each.finally(() => underWay.delete(each))
    }
    most.sockets = Math.max(most.sockets, sockets())
    await pause(4)
  }
  const requestsPerSecond = (count.calls * 1000) / (now() - begun)
  await Promise.all(underWay)
  await until(() => unanswered === 0 && guarded.stats().settlementsWaiting === 0)
  const slots = { free: 0 }
  await until(async () => {
    const [{ allowed, remaining }] = (await limiters.at(-1).peek('one key')).quotas
    // What remains is what would remain after this one.
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
    givenBack,
    requestsPerSecond,
    count,
    slots,
    most: { ...most, unansweredLeft: unanswered, socketsLeft },
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
 * What a limiter says, and the verdict on its one rule; nothing where nothing may be decided without the store.
 *
 * @param {number} kind
 */
async function decided(kind) {
  const asked = now()
  let isDecided = false
  try {
    const decision = limiters[kind].admit('one key')
    const taken = verdicts
    watchDeadline(asked, () => isDecided)
    const { permit } = await decision
    const [verdict] = await taken
    return { permit, verdict }
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== 'StoreUnavailableError') throw thrown
    count.unavailable++
    return {}
  } finally {
    isDecided = true
    most.milliseconds = Math.max(most.milliseconds, now() - asked)
  }
}

/**
 * Sees whether a request is decided when a timer of as much as the deadline has run, begun right after that, and then one of
 * what may come on top. Node runs timers of one length, and immediates, in the order in which they were begun. So whatever
 * keeps this process from running keeps the deadline and these alike; but who waits for anything beyond is found out.
 *
 * @param {number} asked
 * @param {() => boolean} isDecided
 */
function watchDeadline(asked, isDecided) {
  const judge = () => {
    if (!isDecided()) count.overdue++
  }
  setTimeout(() => {
    most.ofBareTimer = Math.max(most.ofBareTimer, now() - asked)
    setTimeout(() => setImmediate(judge), grace)
  }, deadline)
}

/** @param {number} kind */
function storeDecided(kind) {
  count.storeDecisions++
  if (now() >= returnedAt) backAfter[kind] = Math.min(backAfter[kind], now() - returnedAt)
}

function watchReturn() {
  memory.atEnd = bytesInUse()
  returnedAt = now()
  countDown(back / STEP)
}

/**
 * Judges after so many steps, one begun when the one before was over: `back` milliseconds in a process that nothing keeps from
 * running, and more in one that has to wait for its turn, as the store then has to.
 *
 * @param {number} steps
 */
function countDown(steps) {
  if (steps > 0) setTimeout(countDown, STEP, steps - 1)
  // What has arrived by then is read first.
  else
    setImmediate(() => {
      wasBackInTime = !backAfter.includes(Number.POSITIVE_INFINITY)
      isJudged = true
    })
}

/** @param {Promise<any>} taken */
async function countUnanswered(taken) {
  most.unanswered = Math.max(most.unanswered, ++unanswered)
  try {
    await taken
  } catch (thrown) {
    // What the server itself answered, and not that there was no answer.
    if (thrown instanceof Error && thrown.name === 'ReplyError') replies.add(thrown.message)
  } finally {
    unanswered--
  }
}

/** @param {unknown} reason */
function failed(reason) {
  count.errors++
  error = reason instanceof Error ? (reason.stack ?? '') : String(reason)
}

/** @param {() => boolean | Promise<boolean>} condition what it throws counts as not yet */
async function until(condition) {
  const end = now() + 10_000
  const holds = async () => condition()
  while (!(await holds().catch(() => false)) && now() < end) await pause(10)
}
