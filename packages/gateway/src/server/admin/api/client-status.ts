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
 * The usage of one client under every rule. Reading the state consumes nothing.
 */
export interface ClientState {
  readonly client: string
  /** Absent for anonymous clients and clients without a tier. */
  readonly tier?: string
  /** The rules that have seen the client. */
  readonly rules: readonly ClientRule[]
  /** The other rules that apply to its requests. */
  readonly others: readonly OtherRule[]
  /** Rules whose usage depends on more of a request than its client, such as a header. */
  readonly unknown: readonly UnknownRule[]
}

/** A rule and the routes whose requests it counts together. */
interface UnknownRule {
  readonly routes: readonly string[]
  readonly rule: string
  readonly resource: string
}

/** A rule that applies to a client and has not counted one of its recent requests. */
export interface OtherRule extends UnknownRule {
  readonly limit: string
  readonly enforced: boolean
  /** What the rule counts by, as written in the configuration. */
  readonly keyedBy: string
  readonly model?: string
  /** The fraction of the limit in use. Others may share the rule. */
  readonly used: number
  /** Units, or an amount of money in the currency of the limit. */
  readonly remaining: number
  readonly resetAfter: number
  readonly overridden?: FileSettings
  readonly ownLimit?: OwnLimit
}

/** The settings in the configuration file, which an action has replaced. */
interface FileSettings {
  readonly limit: string
  readonly enforced: boolean
}

/** An act that sets the limit of one client. `limit` of the rule is already the overridden one. */
export interface OwnLimit {
  /** A multiplier of the limit; absent if the act replaces the limit. */
  readonly scale?: number
  /** The name of the admin token, and the reason that its holder gave. */
  readonly by: string
  readonly reason: string
  /** Epoch milliseconds; absent if the act is in effect until it is undone. */
  readonly until?: number
}

export interface ClientRule {
  readonly route: string
  readonly rule: string
  readonly resource: string
  readonly limit: string
  readonly enforced: boolean
  /** Identifies the key in actions. */
  readonly id: string
  /** Units, or an amount of money in the currency of the limit. */
  readonly remaining: number
  readonly used: number
  readonly resetAfter: number
  readonly moreAfter: number
  readonly retryAfterOfOne: number | null
  /** Requests since the gateway last started to track this key. */
  readonly allowed: number
  readonly refused: number
  readonly overridden?: FileSettings
  readonly ownLimit?: OwnLimit
}
