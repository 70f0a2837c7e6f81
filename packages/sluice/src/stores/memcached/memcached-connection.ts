/** A value as it was read, and the token that says so when it is written. */
export interface Read {
  readonly value: unknown
  readonly cas: string
}

/** What the store needs of a client. Every call settles within a bounded time. */
export interface Connection {
  gets(key: string): Promise<Read | undefined>
  /** Whether it was stored: only where there was nothing. `expiry` as Memcached counts it. */
  add(key: string, value: string, expiry: number): Promise<boolean>
  /** Whether it was stored: only where nothing was written since it was read. */
  cas(key: string, value: string, cas: string, expiry: number): Promise<boolean>
  delete(key: string): Promise<void>
  /** The server's clock: whole seconds since the epoch. */
  time(): Promise<number>
  /** Ends the connection where the store made it. */
  close(): Promise<void>
}
