/**
 * The responses of `/api/talkers` and `/api/client`. All times are in milliseconds; an infinite
 * time is null.
 *
 * A client is identified by the key under which it is counted: its address, `client ID`, or a short
 * digest if the key is a secret.
 */

/** The clients with the most requests and the most refusals in the last 10 to 20 minutes. */
export interface TopClients {
  readonly heaviest: readonly TopClient[]
  readonly refused: readonly TopClient[]
  /** Explains the time range and the accuracy of the counts. */
  readonly error: string
}

export interface TopClient {
  readonly client: string
  /** The number of requests is at least `count - error` and at most `count`. */
  readonly count: number
  readonly error: number
}

/**
 * The usage of one client under every rule that has seen it. Reading the state consumes nothing.
 */
export interface ClientState {
  readonly client: string
  readonly rules: readonly ClientRule[]
}

export interface ClientRule {
  readonly route: string
  readonly rule: string
  readonly resource: string
  readonly limit: string
  readonly enforced: boolean
  /** Identifies the key in actions. */
  readonly id: string
  readonly remaining: number
  readonly used: number
  readonly resetAfter: number
  readonly moreAfter: number
  readonly retryAfterOfOne: number | null
  /** Requests since the gateway last started to track this key. */
  readonly allowed: number
  readonly refused: number
}
