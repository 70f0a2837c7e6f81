import { type Layer, layerPattern, matchedPrefix } from './layer-pattern.js'

/** The members of an Express request that show where its handler is mounted. */
export interface MountedRequest {
  /** The part of the path matched by the enclosing routers, as the client spelled it. */
  readonly baseUrl?: string
  /** The rest of the path. */
  readonly path?: string
  readonly route?: unknown
  readonly app?: unknown
  readonly socket?: unknown
}

/** The members of an Express application that this module reads. */
interface App {
  readonly parent?: App
  /** Express 4 creates its router lazily; its `router` throws. */
  readonly lazyrouter?: unknown
  readonly _router?: Router
  readonly router?: Router
}

interface Router {
  readonly stack?: readonly Layer[]
}

/** The target of a search and the path that Express took to it. */
interface Search {
  readonly route: unknown
  readonly handler: unknown
  /** The application that handles the request and those that it is mounted in, outermost first. */
  readonly apps: readonly App[]
}

interface Found {
  readonly mount: string
  /** True if the handler itself was found, not only a layer that matches. */
  readonly isCertain: boolean
}

/** Maximum nesting of routers. A router mounted within itself would nest endlessly. */
const MAX_DEPTH = 16

/**
 * Finds the paths at which the enclosing routers were mounted, such as `/:tenant/v1`, regardless of
 * how a client spells them. Express keeps only the path as the client spelled it, so the layers of
 * the routers are matched against it again.
 *
 * @param handler the handler whose mount to find, if it is not part of a route
 * @returns `''` if the handler is not mounted, and `*` if its mount cannot be found
 */
export function mountOf(request: MountedRequest, handler?: unknown): string {
  const { baseUrl = '', path = '', route } = request
  if (baseUrl === '') return ''
  const apps = appsAround(request.app)
  const roots = [apps[0], ...serverApps(request.socket)]
  const found = roots.flatMap((root) => {
    const stack = stackOf(root)
    const search = { route, handler, apps }
    return stack === undefined ? [] : (mountIn(stack, baseUrl + path, baseUrl, search) ?? [])
  })
  return (found.find(({ isCertain }) => isCertain) ?? found[0])?.mount ?? '*'
}

function mountIn(
  stack: readonly Layer[],
  path: string,
  base: string,
  search: Search,
  depth = 0,
): Found | undefined {
  if (depth > MAX_DEPTH) return undefined
  let likely: Found | undefined
  for (const [index, layer] of stack.entries()) {
    if (layer.route !== undefined) {
      if (base === '' && layer.route === search.route) return { mount: '', isCertain: true }
      continue
    }
    const prefix = prefixOf(layer, path)
    if (prefix === undefined || !base.startsWith(prefix)) continue
    const rest = base.slice(prefix.length)
    const found = mountBehind(layer, path.slice(prefix.length), rest, search, depth)
    if (found === undefined) continue
    const mounted = { ...found, mount: layerPattern(layer, index) + found.mount }
    if (mounted.isCertain) return mounted
    likely ??= mounted
  }
  return likely
}

function mountBehind(
  { handle }: Layer,
  path: string,
  base: string,
  search: Search,
  depth: number,
): Found | undefined {
  if (base === '' && handle === search.handler) return { mount: '', isCertain: true }
  const [, ...apps] = search.apps
  const isApp = (handle as { readonly name?: string } | undefined)?.name === 'mounted_app'
  const stack = isApp ? stackOf(apps[0]) : stackOf(handle)
  const inner = stack && mountIn(stack, path, base, isApp ? { ...search, apps } : search, depth + 1)
  return inner ?? (base === '' ? { mount: '', isCertain: false } : undefined)
}

/** Returns the prefix that Express removes from a path for a layer. */
function prefixOf(layer: Layer, path: string): string | undefined {
  let matched: string | undefined
  try {
    matched = matchedPrefix(layer, path)
  } catch {
    // A path that cannot be decoded matches nothing.
    return undefined
  }
  if (matched === undefined || !path.startsWith(matched)) return undefined
  const next = path[matched.length]
  const isWhole = matched === '' || next === undefined || next === '/'
  return isWhole ? matched.replace(/\/$/, '') : undefined
}

function appsAround(innermost: unknown): App[] {
  const apps: App[] = []
  for (let app = innermost as App | undefined; app !== undefined; app = app.parent) apps.unshift(app)
  return apps
}

/**
 * Returns the applications that a server calls: an application within a router has no reference to
 * the outer one.
 */
function serverApps(socket: unknown): unknown[] {
  const { server } = (socket ?? {}) as {
    readonly server?: { listeners?(event: 'request'): unknown[] } | undefined
  }
  return server?.listeners?.('request') ?? []
}

/** Returns the stack of a router or an application; undefined for other handlers. */
function stackOf(handler: unknown): readonly Layer[] | undefined {
  if (typeof handler !== 'function') return undefined
  const { stack } = handler as Router
  if (Array.isArray(stack)) return stack
  const app = handler as App
  const router = app.lazyrouter === undefined ? app.router : app._router
  return Array.isArray(router?.stack) ? router.stack : undefined
}
