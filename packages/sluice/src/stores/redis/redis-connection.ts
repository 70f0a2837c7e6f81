/** What the store needs of a client, whichever it is. */
export interface Connection {
  /** Whether the keys of one call have to lie in one slot. */
  readonly cluster: boolean
  /** What the client itself writes before every key. */
  readonly keyPrefix: string
  /**
   * Runs a script, by its SHA-1 or by its text; texts in its answer come as bytes. Calls of the same tick share a round
   * trip.
   */
  run(
    command: 'evalsha' | 'eval',
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown>
  /** Makes the client look for another server, because the one that it has takes no writes. */
  reconnect?(): void
  /** Ends the connection where the store made it. */
  close(): Promise<void>
}
