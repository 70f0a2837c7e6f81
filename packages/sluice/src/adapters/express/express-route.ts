import { type MountedRequest, mountOf } from './mount.js'

export interface RoutedRequest extends MountedRequest {
  readonly method?: string | undefined
  readonly route?: { readonly path?: unknown } | undefined
}

/**
 * Returns method and path template of the route that Express chose, from the root of the
 * application: `POST /v1/models/:model`. While no route is chosen, the template ends in `*`.
 *
 * @param handler the handler whose route is wanted
 */
export function routeOf(request: RoutedRequest, handler?: unknown): string {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const mount = mountOf(request, handler)
  const path = request.route?.path
  return `${method} ${mount}${String(path ?? (mount === '' ? '*' : '/*'))}`
}
