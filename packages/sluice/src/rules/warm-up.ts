import { OptionRangeError, relocate, unknownOption } from '../option-error.js'
import { type Clock, systemClock } from '../time/clock.js'
import { parseDuration } from '../time/duration.js'
import { type Readiness, type ReadinessAnswer, watchReadiness } from './readiness.js'

export interface WarmUpOptions {
  /** The part of every limit that holds while the model is not ready, and when it has just become so: 0 < `from` <= 1. */
  readonly from: number
  /** How long it takes from there to the full limits: milliseconds, or `60s`. */
  readonly over: number | string
  /** In how many equal steps it gets there. Default: without steps, a little more with each request. */
  readonly steps?: number
  /**
   * Whether the model is ready to begin with, and `ready()` and `unready()` say what becomes of that; or whom to ask for it, again and
   * again until `stop()`. Default `false`.
   */
  readonly ready?: boolean | Readiness
  /** Called once for each change: the model became ready, or is no longer. What it throws is ignored. */
  readonly onChange?: (change: WarmUpChange) => void
  readonly clock?: Pick<Clock, 'now'>
}

/** What became of a model. */
export interface WarmUpChange {
  readonly isReady: boolean
  /** What limits are multiplied with from now on. */
  readonly scale: number
}

/** So many answers in a row that say no make a model that was ready one that is not: one may have met a restart of a proxy. */
const FAILED_PROBES = 3

/** A scale for limits, which grows from the moment on that a model is ready. */
export interface WarmUp {
  /** The model is ready: the scale begins to grow. Said again it changes nothing. */
  ready(): void
  /** The model is not ready (any more): the scale falls back to where it begins. */
  unready(): void
  /** What limits are multiplied with now: from `from` to 1. */
  readonly scale: number
  readonly isReady: boolean
  /** Milliseconds until the scale is this much: 0 where it is. Of a model that is not ready, as if it were so from now on. */
  until(scale: number): number
  /** Asks no longer whether the model is ready. */
  stop(): void
}

const OPTIONS = ['from', 'over', 'steps', 'ready', 'onChange', 'clock']

/**
 * Spares a model that has just been loaded: its limits are `from` of what they say until it is ready, and grow to all of it
 * over the time given.
 *
 *     const warmUp = createWarmUp({ from: 0.2, over: '60s' })
 *     const limiter = createLimiter({ rules: [{ limit: '50/minute' }], warmUp })
 *     await model.load()
 *     warmUp.ready()
 *
 * Where the model itself can tell, `ready: 'http://127.0.0.1:9000/healthz'` or `ready: () => model.isLoaded` asks it once a second, and a
 * model that says no three times in a row, or cannot be reached, begins anew. A model that is ready when it is asked for the first time
 * is warm: it was running before. A question that is not answered in time changes nothing.
 *
 * The scale is a function of the time since then and of nothing else: it is the same however often it is asked for.
 *
 * @throws TypeError, RangeError that say which option is wrong.
 */
export function createWarmUp(options: WarmUpOptions): WarmUp {
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option)) throw unknownOption('a warm-up', option, OPTIONS)
  }
  const { from, steps, ready = false, onChange, clock = systemClock } = options
  if (typeof from !== 'number' || !(from > 0 && from <= 1))
    throw new OptionRangeError(['from'], `'from' is more than 0 and at most 1, not ${String(from)}`)
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= 1))
    throw new OptionRangeError(['steps'], `'steps' is a whole number from 1 on, not ${String(steps)}`)
  const over = relocate(
    () => parseDuration(options.over),
    () => ['over'],
  )
  let since = ready === true ? clock.now() : undefined
  const passed = () => (since === undefined ? 0 : Math.max(0, clock.now() - since))
  const tell = () => {
    try {
      onChange?.({ isReady: warmUp.isReady, scale: warmUp.scale })
    } catch {
      // Whoever listens decides nothing, so it can spoil nothing either.
    }
  }
  const becomeReady = (at: number) => {
    if (since !== undefined) return
    since = at
    tell()
  }
  const warmUp = {
    ready() {
      becomeReady(clock.now())
    },
    unready() {
      if (since === undefined) return
      since = undefined
      tell()
    },
    get scale() {
      const part = Math.min(1, passed() / over)
      const reached = steps === undefined ? part : Math.floor(part * steps) / steps
      return reached === 1 ? 1 : from + (1 - from) * reached
    },
    get isReady() {
      return since !== undefined
    },
    until(scale: number) {
      if (scale <= from) return 0
      const part = Math.min(1, (scale - from) / (1 - from))
      const reached = steps === undefined ? part : Math.ceil(part * steps) / steps
      return Math.max(0, reached * over - passed())
    },
  }
  let isFirstAnswer = true
  let failedInRow = 0
  const probed = (answer: ReadinessAnswer) => {
    if (answer === 'late') return
    failedInRow = answer === 'ready' ? 0 : failedInRow + 1
    if (answer === 'ready') becomeReady(isFirstAnswer ? clock.now() - over : clock.now())
    else if (failedInRow >= FAILED_PROBES) warmUp.unready()
    isFirstAnswer = false
  }
  const stop = typeof ready === 'boolean' ? () => {} : watchReadiness(ready, probed)
  return Object.assign(warmUp, { stop })
}
