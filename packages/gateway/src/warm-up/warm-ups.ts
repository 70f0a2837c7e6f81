import { createWarmUp, type WarmUp } from 'sluice'
import type { WarmUpConfig } from '../config/config.js'
import { isReady } from './readiness.js'

/** How often a model is asked whether it is ready, in milliseconds. */
const ASK_INTERVAL_MS = 1000

interface Asked {
  readonly warmUp: WarmUp
  stop(): void
}

/** The warm-ups of a gateway. One that two configurations describe alike goes on when the second follows the first. */
export class WarmUps {
  readonly #asked = new Map<string, Asked>()

  /** Takes the warm-ups that a configuration has; the others end. */
  keep(configs: readonly WarmUpConfig[]): void {
    const wanted = new Map(configs.map((config) => [JSON.stringify(config), config]))
    for (const [id, { stop }] of this.#asked) {
      if (wanted.has(id)) continue
      stop()
      this.#asked.delete(id)
    }
    for (const [id, config] of wanted) {
      if (!this.#asked.has(id)) this.#asked.set(id, ask(config))
    }
  }

  /** The warm-up that a configuration describes; one that was taken. */
  of(config: WarmUpConfig): WarmUp {
    const asked = this.#asked.get(JSON.stringify(config))
    if (asked === undefined) throw new Error('a warm-up that was not taken')
    return asked.warmUp
  }

  stop(): void {
    this.keep([])
  }
}

/** Asks a model again and again whether it is ready, one question at a time. */
function ask({ ready, ...options }: WarmUpConfig): Asked {
  const warmUp = createWarmUp(options)
  const stopped = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const look = async () => {
    const answer = await isReady(ready, stopped.signal)
    if (stopped.signal.aborted) return
    if (answer) warmUp.ready()
    else warmUp.unready()
    timer = setTimeout(look, ASK_INTERVAL_MS)
    timer.unref()
  }
  void look()
  return {
    warmUp,
    stop() {
      stopped.abort()
      clearTimeout(timer)
    },
  }
}
