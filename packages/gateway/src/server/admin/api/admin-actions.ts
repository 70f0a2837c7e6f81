/** When an action ends: at a moment, as in `2026-12-24T18:00:00Z`, or after a duration, as in `2h`. */
interface Ending {
  readonly until?: string
  readonly for?: string
}

/** The parts that all actions have. */
interface CommonParts {
  /** Why the operator acts, for the audit log: 1 to 200 characters. */
  readonly reason: string
}

/** One client by its ID, or the clients of an address or network. */
type Target =
  | { readonly client: string; readonly address?: never }
  | { readonly address: string; readonly client?: never }

/** A multiplier of a client's limit, or a limit in place of it. */
type Change =
  | { readonly scale: number; readonly limit?: never }
  | { readonly limit: string; readonly scale?: never }

/** What an action changes. */
export type ActionChange =
  /** Refuses all requests of a client. */
  | ({ readonly act: 'block' } & Target & Ending)
  | ({ readonly act: 'unblock' } & Target)
  /**
   * Changes the limit of one client under a rule, or by a multiplier under all rules that count by
   * client. `route` may be omitted if only one route has such a rule.
   */
  | ({
      readonly act: 'override'
      readonly client: string
      readonly route?: string
      readonly rule?: string
    } & Change &
      Ending)
  | ({
      readonly act: 'shadow'
      readonly route: string
      readonly rule: string
      readonly shadow: boolean
    } & Ending)
  /** `limit`: a limit such as `20/minute`, or a number of concurrent requests. */
  | ({
      readonly act: 'limit'
      readonly route: string
      readonly rule: string
      readonly limit: string
    } & Ending)
  /**
   * Clears the usage of a key. Without a rule, the action applies to all rules of the route that
   * have seen the key; without a route, to all routes.
   */
  | { readonly act: 'reset'; readonly route?: string; readonly rule?: string; readonly key: string }
  /** Restores the settings of a rule from the configuration file, for all clients. */
  | { readonly act: 'undo'; readonly route: string; readonly rule: string; readonly id?: never }
  /**
   * Erases a client: its spend is moved to the name `forgotten`, and its usage, its acts and what the
   * dashboard shows about it are removed.
   */
  | { readonly act: 'forget'; readonly client: string }
  /** Undoes one act, by its ID in the list of acts. */
  | { readonly act: 'undo'; readonly id: string; readonly route?: never; readonly rule?: never }

/**
 * The body of a request to `/api/actions`. Except for `reset` and `forget`, a change stays in effect until it ends
 * or is undone, even if the configuration is reloaded. It survives a restart if acts are kept in
 * Redis or in a file.
 */
export type AdminAction = ActionChange & CommonParts

/** The response: 200 with a description of the change, or an error. */
export type AdminActionResult = { readonly ok: true; readonly done: string } | { readonly error: string }

/** The response of `/api/acts/current`. Times are in milliseconds since the epoch. */
export interface ActList {
  readonly acts: readonly ListedAct[]
  /** Where acts are kept. Those in memory end with the process. */
  readonly kept: 'redis' | 'file' | 'memory'
  /** Why the list may be out of date; absent if the acts can be read. */
  readonly failure?: string
}

/** An act in effect. */
export interface ListedAct {
  readonly id: string
  readonly act: 'block' | 'override' | 'shadow' | 'limit'
  /** The change in words, as in `client acme is blocked`. */
  readonly change: string
  /** The client, if the act concerns one. */
  readonly client?: string
  /** The name of the admin token. */
  readonly by: string
  readonly reason: string
  readonly at: number
  /** Absent if the act is in effect until it is undone. */
  readonly until?: number
  /** Why the act has no effect on this gateway; absent if it has one. */
  readonly problem?: string
}
