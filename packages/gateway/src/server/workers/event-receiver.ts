import type { Observer } from '../observability/observer.js'
import { type Observation, retell } from './observations.js'

/** Tells an observer what a worker saw, and sets right what a worker that dies can no longer tell. */
export class EventReceiver {
  /** Requests that are under way there, and that wait there, by route. */
  readonly #underWay = {
    onInFlightChange: new Map<string, number>(),
    onWaitingChange: new Map<string, number>(),
  }

  constructor(private readonly observer: Observer) {}

  saw(observations: readonly Observation[]): void {
    for (const observation of observations) {
      retell(this.observer, observation)
      const [name, route, change] = observation
      if (name !== 'onInFlightChange' && name !== 'onWaitingChange') continue
      const counts = this.#underWay[name]
      counts.set(route, (counts.get(route) ?? 0) + change)
    }
  }

  /** It is gone, and its requests with it. */
  died(): void {
    for (const name of ['onInFlightChange', 'onWaitingChange'] as const)
      for (const [route, count] of this.#underWay[name])
        for (let left = count; left > 0; left--) this.observer[name](route, -1)
  }
}
