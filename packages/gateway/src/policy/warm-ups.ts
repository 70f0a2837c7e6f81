import { createWarmUp, formatDuration, type WarmUp, type WarmUpOptions } from 'sluice'
import { type GatewayConfig, policiesOf, type WarmUpConfig } from './config/config.js'
import { shownUrl } from './config/shown-url.js'
import type { PolicyLog } from './policy-log.js'

/** The warm-ups of a gateway. A reload keeps those whose configuration did not change. */
export class WarmUps {
  readonly #warmUps = new Map<string, WarmUp>()

  /**
   * @param log undefined in a worker, since the primary watches the same models and logs for all
   *   workers
   */
  constructor(private readonly log: PolicyLog | undefined) {}

  /** Starts the warm-ups of a configuration, and stops those that it no longer contains. */
  update(configs: readonly WarmUpConfig[]): void {
    const wanted = new Map(configs.map((config) => [JSON.stringify(config), config]))
    for (const [id, warmUp] of this.#warmUps) {
      if (wanted.has(id)) continue
      warmUp.stop()
      this.#warmUps.delete(id)
    }
    for (const [id, config] of wanted) {
      if (!this.#warmUps.has(id))
        this.#warmUps.set(id, createWarmUp({ ...config, onChange: this.#logger(config) }))
    }
  }

  #logger({ ready, from, over }: WarmUpConfig): NonNullable<WarmUpOptions['onChange']> {
    return ({ isReady, scale }) => {
      const fields = { model: shownUrl(ready), scale }
      if (!isReady) this.log?.info(fields, `model not ready; its limits are scaled to ${from}`)
      else if (scale === 1) this.log?.info(fields, 'model ready at the first check; its limits apply in full')
      else
        this.log?.info(
          fields,
          `model ready; its limits grow to their full size within ${formatDuration(over)}`,
        )
    }
  }

  /**
   * Returns the warm-up of a configuration that was passed to `update`.
   *
   * @throws Error for any other configuration
   */
  of(config: WarmUpConfig): WarmUp {
    const warmUp = this.#warmUps.get(JSON.stringify(config))
    if (warmUp === undefined) throw new Error('this warm-up was not started')
    return warmUp
  }

  /** Returns the warm-up of each route that has one. */
  ofRoutes(config: GatewayConfig): readonly (readonly [route: string, warmUp: WarmUp])[] {
    return policiesOf(config).flatMap(({ name, warmUp }) =>
      warmUp === undefined ? [] : [[name, this.of(warmUp)] as const],
    )
  }

  stop(): void {
    this.update([])
  }
}
