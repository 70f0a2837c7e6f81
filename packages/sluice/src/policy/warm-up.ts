import { type Clock, systemClock } from '../clock.js'
import { parseDuration } from '../limits/duration.js'

export interface WarmUpOptions {
  /** The part of every limit that holds while the model is not ready, and when it has just become so: 0 < `from` <= 1. */
  readonly from: number
  /** How long it takes from there to the full limits: milliseconds, or `60s`. */
  readonly over: number | string
  /** In how many equal steps it gets there. Default: without steps, a little more with each request. */
  readonly steps?: number
  /** Whether the model is ready to begin with. Default `false`: `ready()` says so. */
  readonly ready?: boolean
  readonly clock?: Pick<Clock, 'now'>
}

/** A scale for limits, which grows from the moment on that a model is ready. */
export interface WarmUp {
  /** The model is ready: the scale begins to grow. Said again it changes nothing. */
  ready(): void
  /** The model is not ready (any more): the scale falls back to where it begins. */
  unready(): void
  /** What limits are multiplied with now: from `from` to 1. */
  readonly scale: number
  readonly isReady: boolean
}

/**
 * Spares a model that has just been loaded: its limits are `from` of what they say until it is ready, and grow to all of it
 * over the time given.
 *
 *     const warmUp = createWarmUp({ from: 0.2, over: '60s' })
 *     const limiter = createLimiter({ rules: [{ limit: '50/minute' }], warmUp })
 *     await model.load()
 *     warmUp.ready()
 *
 * The scale is a function of the time since then and of nothing else: it is the same however often it is asked for.
 *
 * @throws TypeError, RangeError that say which option is wrong.
 */
export function createWarmUp(options: WarmUpOptions): WarmUp {
  const { from, steps, clock = systemClock } = options
  if (typeof from !== 'number' || !(from > 0 && from <= 1))
    throw new RangeError(`'from' is more than 0 and at most 1, not ${String(from)}`)
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= 1))
    throw new RangeError(`'steps' is a whole number from 1 on, not ${String(steps)}`)
  const over = parseDuration(options.over)
  let since = options.ready === true ? clock.now() : undefined
  return {
    ready() {
      since ??= clock.now()
    },
    unready() {
      since = undefined
    },
    get scale() {
      if (since === undefined) return from
      const passed = Math.min(1, Math.max(0, (clock.now() - since) / over))
      const part = steps === undefined ? passed : Math.floor(passed * steps) / steps
      return part === 1 ? 1 : from + (1 - from) * part
    },
    get isReady() {
      return since !== undefined
    },
  }
}
