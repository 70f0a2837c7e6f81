import type { Observer } from '../observability/observer.js'
import type { ObserverCall } from './worker-protocol.js'

/** Passes the events of a worker to an observer, and balances the gauges when the worker exits. */
export class EventReceiver {
  /** Requests in flight and queued requests of the worker, by route. */
  readonly #gauges = {
    onInFlightChange: new Map<string, number>(),
    onWaitingChange: new Map<string, number>(),
  }

  constructor(private readonly observer: Observer) {}

  onEvents(events: readonly ObserverCall[]): void {
    for (const event of events) {
      notify(this.observer, event)
      const [name, route, change] = event
      if (name !== 'onInFlightChange' && name !== 'onWaitingChange') continue
      const gauge = this.#gauges[name]
      gauge.set(route, (gauge.get(route) ?? 0) + change)
    }
  }

  /** Reports the end of the requests that the exited worker could not report itself. */
  onExit(): void {
    for (const name of ['onInFlightChange', 'onWaitingChange'] as const)
      for (const [route, count] of this.#gauges[name])
        for (let left = count; left > 0; left--) this.observer[name](route, -1)
  }
}

function notify(observer: Observer, [name, ...args]: ObserverCall): void {
  const method = observer[name] as ((...args: unknown[]) => void) | undefined
  method?.apply(observer, args)
}
