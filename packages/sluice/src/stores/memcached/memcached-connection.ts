/** A value with the token for a compare-and-swap. */
export interface CasValue {
  readonly value: unknown
  readonly cas: string
}

/** The operations that the store needs from a client. Each settles within a bounded time. */
export interface MemcachedConnection {
  gets(key: string): Promise<CasValue | undefined>
  /**
   * Stores a value if the key has none, and reports whether it was stored. `expiry` is in
   * Memcached's format.
   */
  add(key: string, value: string, expiry: number): Promise<boolean>
  /**
   * Stores a value if the key has not been written since it was read, and reports whether it was
   * stored.
   */
  cas(key: string, value: string, cas: string, expiry: number): Promise<boolean>
  delete(key: string): Promise<void>
  /** Returns the server's clock in whole seconds since the epoch. */
  time(): Promise<number>
  /** Closes the connection if the store opened it. */
  close(): Promise<void>
}
