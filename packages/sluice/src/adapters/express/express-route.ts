import { type MountedRequest, mountOf } from './mount.js'

export interface RoutedRequest extends MountedRequest {
  readonly method?: string | undefined
  readonly route?: { readonly path?: unknown } | undefined
}

/**
 * Returns the method and path template of the matched Express route, from the root of the
 * application: `POST /v1/models/:model`. If no route has been matched yet, the template ends in
 * `*`.
 *
 * @param handler the handler whose route to return
 */
export function routeOf(request: RoutedRequest, handler?: unknown): string {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const mount = mountOf(request, handler)
  const path = request.route?.path
  return `${method} ${mount}${String(path ?? (mount === '' ? '*' : '/*'))}`
}
