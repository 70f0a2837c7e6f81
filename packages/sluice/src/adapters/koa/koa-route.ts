import type { Context } from 'koa'

/**
 * Method and template of the route that `@koa/router` chose, with the prefixes of the routers around it and the path that
 * `koa-mount` took off: `POST /v1/models/:model`. Where no route is chosen yet, the template is `*`.
 */
export function routeOf(context: Context): string {
  const method = context.method === 'HEAD' ? 'GET' : context.method
  const mount = mountOf(context)
  return `${method} ${mount}${String(context._matchedRoute ?? (mount === '' ? '*' : '/*'))}`
}

/**
 * Returns the path of the mount around, as the application spells it. `koa-mount` tells no more than the innermost one, so
 * that a `*` stands for those around it; the path that the client spelled is never used.
 */
function mountOf({ mountPath, path, originalUrl }: Context): string {
  const [whole = ''] = originalUrl.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1)
  // It is left on the context when the request has come out of the mount again.
  if (typeof mountPath !== 'string' || path === whole) return ''
  const isOutermost = whole.startsWith(mountPath) && (whole.slice(mountPath.length) || '/') === path
  const mount = mountPath.replace(/\/$/, '')
  return isOutermost ? mount : `*${mount}`
}
