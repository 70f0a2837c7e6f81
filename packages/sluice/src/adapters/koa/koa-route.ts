import type { Context } from 'koa'

/**
 * Returns the method and path template of the matched route of `@koa/router`, with the prefixes of
 * the enclosing routers and the path removed by `koa-mount`: `POST /v1/models/:model`. If no route
 * has been matched yet, the template is `*`.
 */
export function routeOf(context: Context): string {
  const method = context.method === 'HEAD' ? 'GET' : context.method
  const mount = mountOf(context)
  return `${method} ${mount}${String(context._matchedRoute ?? (mount === '' ? '*' : '/*'))}`
}

/**
 * Returns the path of the enclosing mount as the application spells it. `koa-mount` reports only
 * the innermost mount, so a `*` replaces the outer ones. The path spelled by the client is never
 * used.
 */
function mountOf({ mountPath, path, originalUrl }: Context): string {
  const [whole = ''] = originalUrl.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1)
  // `mountPath` stays on the context after the request has left the mount.
  if (typeof mountPath !== 'string' || path === whole) return ''
  const isOutermost = whole.startsWith(mountPath) && (whole.slice(mountPath.length) || '/') === path
  const mount = mountPath.replace(/\/$/, '')
  return isOutermost ? mount : `*${mount}`
}
