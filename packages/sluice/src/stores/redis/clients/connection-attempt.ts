/** The events of a client. */
export interface ClientEvents {
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/**
 * Waits for a client's attempt to connect. A client without an offline queue rejects calls until it
 * is connected, and five rejections in a row would open the breaker.
 */
export class ConnectionAttempt {
  #outcome: Promise<void> | undefined

  /** `outcomes` lists the events that end an attempt, successful or not. */
  constructor(
    private readonly client: ClientEvents,
    private readonly outcomes: readonly string[],
  ) {}

  /** Resolves when the attempt has ended. All waiting callers share one listener per event. */
  ended(): Promise<void> {
    this.#outcome ??= new Promise((resolve) => {
      const { client, outcomes } = this
      const end = () => {
        for (const event of outcomes) client.off(event, end)
        this.#outcome = undefined
        resolve()
      }
      for (const event of outcomes) client.once(event, end)
    })
    return this.#outcome
  }
}
