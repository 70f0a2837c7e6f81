import { OptionRangeError, relocate, unknownOption } from '../option-error.js'
import { type Clock, systemClock } from '../time/clock.js'
import { parseDuration } from '../time/duration.js'
import { type ProbeResult, type Readiness, watchReadiness } from './readiness.js'

export interface WarmUpOptions {
  /** The initial factor of every limit, until the model becomes ready: 0 < `from` <= 1. */
  readonly from: number
  /**
   * The time that the limits take to grow to their full size: milliseconds or a duration such as
   * `60s`.
   */
  readonly over: number | string
  /** The number of equal steps. Default: the limits grow continuously. */
  readonly steps?: number
  /**
   * True if the model is ready at the start; `ready()` and `unready()` change this later.
   * Alternatively, a probe that runs until `stop()`. Default: `false`.
   */
  readonly ready?: boolean | Readiness
  /** Called when the model becomes ready or unready. Errors that it throws are ignored. */
  readonly onChange?: (change: WarmUpChange) => void
  readonly clock?: Pick<Clock, 'now'>
}

/** A change of a model's readiness. */
export interface WarmUpChange {
  readonly isReady: boolean
  /** The factor of all limits from now on. */
  readonly scale: number
}

/**
 * Number of consecutive failed probes after which a model is considered unready. A single failure
 * may be caused by a proxy restart.
 */
const FAILED_PROBES = 3

/** A scale for limits that grows after a model becomes ready. */
export interface WarmUp {
  /** Marks the model as ready, so the scale starts to grow. Idempotent. */
  ready(): void
  /** Marks the model as not ready, which resets the scale. */
  unready(): void
  /** The current factor of all limits, between `from` and 1. */
  readonly scale: number
  readonly isReady: boolean
  /**
   * Returns the milliseconds until the scale reaches a value: 0 if it already has. If the model is
   * not ready, assumes that it becomes ready now.
   */
  until(scale: number): number
  /** Stops probing the model. */
  stop(): void
}

const OPTIONS = ['from', 'over', 'steps', 'ready', 'onChange', 'clock']

/**
 * Protects a model that has just been loaded. Its limits are scaled by `from` until it is ready,
 * and then grow to their full size during `over`.
 *
 *     const warmUp = createWarmUp({ from: 0.2, over: '60s' })
 *     const limiter = createLimiter({ rules: [{ limit: '50/minute' }], warmUp })
 *     await model.load()
 *     warmUp.ready()
 *
 * With `ready: 'http://127.0.0.1:9000/healthz'` or `ready: () => model.isLoaded`, the model is
 * probed once a second. After three failed probes in a row the warm-up restarts. A model that is
 * ready at the first probe is considered warm, because it was already running. A probe that times
 * out is ignored.
 *
 * The scale depends only on the time since the model became ready.
 *
 * @throws TypeError, RangeError that name the invalid option.
 */
export function createWarmUp(options: WarmUpOptions): WarmUp {
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option)) throw unknownOption('a warm-up', option, OPTIONS)
  }
  const { from, steps, ready = false, onChange, clock = systemClock } = options
  if (typeof from !== 'number' || !(from > 0 && from <= 1))
    throw new OptionRangeError(['from'], `'from' must be greater than 0 and at most 1, not ${String(from)}`)
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= 1))
    throw new OptionRangeError(
      ['steps'],
      `'steps' must be a whole number of at least 1, not ${String(steps)}`,
    )
  const over = relocate(
    () => parseDuration(options.over),
    () => ['over'],
  )
  let readySince = ready === true ? clock.now() : undefined
  const elapsed = () => (readySince === undefined ? 0 : Math.max(0, clock.now() - readySince))
  const notify = () => {
    try {
      onChange?.({ isReady: warmUp.isReady, scale: warmUp.scale })
    } catch {
      // A failing callback must not affect the limits.
    }
  }
  const becomeReady = (at: number) => {
    if (readySince !== undefined) return
    readySince = at
    notify()
  }
  const warmUp = {
    ready() {
      becomeReady(clock.now())
    },
    unready() {
      if (readySince === undefined) return
      readySince = undefined
      notify()
    },
    get scale() {
      const part = Math.min(1, elapsed() / over)
      const reached = steps === undefined ? part : Math.floor(part * steps) / steps
      return reached === 1 ? 1 : from + (1 - from) * reached
    },
    get isReady() {
      return readySince !== undefined
    },
    until(scale: number) {
      if (scale <= from) return 0
      const part = Math.min(1, (scale - from) / (1 - from))
      const reached = steps === undefined ? part : Math.ceil(part * steps) / steps
      return Math.max(0, reached * over - elapsed())
    },
  }
  let isFirstResult = true
  let consecutiveFailures = 0
  const onProbeResult = (result: ProbeResult) => {
    if (result === 'late') return
    consecutiveFailures = result === 'ready' ? 0 : consecutiveFailures + 1
    if (result === 'ready') becomeReady(isFirstResult ? clock.now() - over : clock.now())
    else if (consecutiveFailures >= FAILED_PROBES) warmUp.unready()
    isFirstResult = false
  }
  const stop = typeof ready === 'boolean' ? () => {} : watchReadiness(ready, onProbeResult)
  return Object.assign(warmUp, { stop })
}
