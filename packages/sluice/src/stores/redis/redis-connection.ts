/** The operations that the store needs from a Redis client. */
export interface RedisConnection {
  /** True if the keys of one call must lie in one slot. */
  readonly cluster: boolean
  /** Prefix that the client itself adds to every key. */
  readonly keyPrefix: string
  /**
   * Runs a script, by its SHA-1 or by its source. Strings in the reply are buffers. Calls of the
   * same tick share a round trip.
   */
  run(
    command: 'evalsha' | 'eval',
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown>
  /** Makes the client reconnect, because the current server rejects writes. */
  reconnect?(): void
  /** Closes the connection if the store opened it. */
  close(): Promise<void>
}
