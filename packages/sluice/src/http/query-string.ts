/** The parts of requests that the frameworks keep the target in. */
interface Targeted {
  readonly url?: unknown
  /** Koa's and Hono's contexts have the request here. */
  readonly req?: { readonly url?: unknown } | undefined
}

/** The query of a request, with its `?`; `''` where there is none. Every framework has the target of a request as `url`. */
export function queryOf({ url, req }: Targeted): string {
  const target = url ?? req?.url
  if (typeof target !== 'string') return ''
  const queryAt = target.indexOf('?')
  return queryAt === -1 ? '' : target.slice(queryAt)
}
