import { createWarmUp, formatDuration, type WarmUp, type WarmUpOptions } from 'sluice'
import { type GatewayConfig, policiesOf, type WarmUpConfig } from './config/config.js'
import type { PolicyLog } from './policy-log.js'

/** The warm-ups of a gateway. One that two configurations describe alike goes on when the second follows the first. */
export class WarmUps {
  readonly #warmUps = new Map<string, WarmUp>()

  /** @param log undefined in a worker: the primary, which watches the same models, logs for all. */
  constructor(private readonly log: PolicyLog | undefined) {}

  /** Takes the warm-ups that a configuration has; the others end. */
  keep(configs: readonly WarmUpConfig[]): void {
    const wanted = new Map(configs.map((config) => [JSON.stringify(config), config]))
    for (const [id, warmUp] of this.#warmUps) {
      if (wanted.has(id)) continue
      warmUp.stop()
      this.#warmUps.delete(id)
    }
    for (const [id, config] of wanted) {
      if (!this.#warmUps.has(id))
        this.#warmUps.set(id, createWarmUp({ ...config, onChange: this.#logged(config) }))
    }
  }

  #logged({ ready, from, over }: WarmUpConfig): NonNullable<WarmUpOptions['onChange']> {
    return ({ isReady, scale }) => {
      const fields = { model: ready, scale }
      if (!isReady)
        this.log?.info(fields, `the model is not ready; its limits fall back to ${from} of what they say`)
      else if (scale === 1)
        this.log?.info(fields, 'the model was ready at the first look; its limits are whole')
      else
        this.log?.info(
          fields,
          `the model is ready; its limits grow to what they say within ${formatDuration(over)}`,
        )
    }
  }

  /** The warm-up that a configuration describes; one that was taken. */
  of(config: WarmUpConfig): WarmUp {
    const warmUp = this.#warmUps.get(JSON.stringify(config))
    if (warmUp === undefined) throw new Error('a warm-up that was not taken')
    return warmUp
  }

  /** The warm-ups of a configuration's routes. */
  ofRoutes(config: GatewayConfig): readonly (readonly [route: string, warmUp: WarmUp])[] {
    return policiesOf(config).flatMap(({ name, warmUp }) =>
      warmUp === undefined ? [] : [[name, this.of(warmUp)] as const],
    )
  }

  stop(): void {
    this.keep([])
  }
}
