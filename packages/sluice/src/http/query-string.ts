/** The members of a request that may hold its target. */
interface Targeted {
  readonly url?: unknown
  /** Koa and Hono contexts have the request here. */
  readonly req?: { readonly url?: unknown } | undefined
}

/**
 * Returns the query string of a request, including `?`; empty if there is none. Every framework
 * provides the target as `url`.
 */
export function queryOf({ url, req }: Targeted): string {
  const target = url ?? req?.url
  if (typeof target !== 'string') return ''
  const queryAt = target.indexOf('?')
  return queryAt === -1 ? '' : target.slice(queryAt)
}
