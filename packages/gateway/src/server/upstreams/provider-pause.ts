import { remainingOf, retryAfterOf } from './provider-headers.js'

/** Maximum duration of a pause that a provider asks for. */
export const MAX_PAUSE_MS = 600_000
/** The pause after a refusal that states no time. */
const DEFAULT_PAUSE_MS = 1000
/** The part of the provider's limit at which requests pause until it resets. */
const NEAR_ZERO = 0.01
/** Maximum number of requests that wait for the end of a pause. */
const MAX_WAITING = 1000

/**
 * A pause that a provider asks for: by refusing a request, or by reporting that almost none of its
 * limit remains. Never longer than `MAX_PAUSE_MS`. Times are milliseconds of a monotonic clock.
 */
export class ProviderPause {
  /** Number of pauses since the process started. */
  count = 0
  readonly #onPause: (milliseconds: number) => void
  #until = 0
  #waiting = 0

  /** @param onPause called when a pause begins, but not when it is extended */
  constructor(onPause: (milliseconds: number) => void) {
    this.#onPause = onPause
  }

  /** Milliseconds until the pause ends; 0 without one. */
  remainingMs(now = performance.now()): number {
    return Math.max(0, this.#until - now)
  }

  /** Learns from the head of a response. @param rawHeaders name, value, name, value */
  onResponse(status: number, rawHeaders: readonly string[], now = performance.now()): void {
    const asked = pauseFor(status, rawHeaders)
    if (asked === 0) return
    const milliseconds = Math.min(asked, MAX_PAUSE_MS)
    if (this.remainingMs(now) === 0) {
      this.count++
      this.#onPause(milliseconds)
    }
    this.#until = Math.max(this.#until, now + milliseconds)
  }

  /**
   * Waits until the pause is over.
   *
   * @param maxMs maximum wait
   * @returns 0 once the pause is over, or the milliseconds that remain if the wait would be too long
   */
  async wait(maxMs: number, signal: AbortSignal): Promise<number> {
    const giveUpAt = performance.now() + maxMs
    // A response that arrives in the meantime may extend the pause.
    for (let left = this.remainingMs(); left > 0; left = this.remainingMs()) {
      if (performance.now() + left > giveUpAt || this.#waiting >= MAX_WAITING) return left
      this.#waiting++
      try {
        await elapsed(left, signal)
      } finally {
        this.#waiting--
      }
    }
    return 0
  }
}

/** Resolves after a time. Rejects with the reason of the signal if it is aborted first. */
function elapsed(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Returns the milliseconds for which a response asks to pause; 0 if it does not. */
function pauseFor(status: number, rawHeaders: readonly string[]): number {
  const retryAfter = status === 429 || status === 503 ? retryAfterOf(rawHeaders) : undefined
  if (retryAfter !== undefined) return retryAfter
  const resets = remainingOf(rawHeaders)
    .filter(({ remaining, limit }) => remaining <= (limit ?? 0) * NEAR_ZERO)
    .map(({ resetMs }) => resetMs)
  if (resets.length > 0) return Math.max(...resets)
  return status === 429 ? DEFAULT_PAUSE_MS : 0
}
