/**
 * The body of a request to `/api/actions`. An override stays in effect until it is undone or the
 * gateway restarts, even if the configuration is reloaded.
 */
export type AdminAction =
  | { readonly act: 'shadow'; readonly route: string; readonly rule: string; readonly shadow: boolean }
  /** `limit`: a limit such as `20/minute`, or a number of concurrent requests. */
  | { readonly act: 'limit'; readonly route: string; readonly rule: string; readonly limit: string }
  /**
   * Clears the usage of a key. Without a rule, the action applies to all rules of the route that
   * have seen the key; without a route, to all routes.
   */
  | { readonly act: 'reset'; readonly route?: string; readonly rule?: string; readonly key: string }
  /** Restores the settings from the configuration file. */
  | { readonly act: 'undo'; readonly route: string; readonly rule: string }

/** The response: 200 with a description of the change, or an error. */
export type AdminActionResult = { readonly ok: true; readonly done: string } | { readonly error: string }
