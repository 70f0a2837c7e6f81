/** What a client tells of itself. */
export interface ClientEvents {
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/**
 * Waits for the outcome of a client's attempt to connect. A client that was told to queue nothing rejects calls until then,
 * although its server is there; five of them would count as the loss of the store.
 */
export class Connecting {
  #outcome: Promise<void> | undefined

  /** `outcomes`: the events that end an attempt, whichever way. */
  constructor(
    private readonly client: ClientEvents,
    private readonly outcomes: readonly string[],
  ) {}

  /** Settles when the attempt has ended. However many callers wait, the client has one listener for each event. */
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
