import { type Layer, layerPattern, matchedPrefix } from './layer-pattern.js'

/** What of Express's requests says where their handler is mounted. */
export interface MountedRequest {
  /** The part of the path that the routers around have matched, as the client spelled it. */
  readonly baseUrl?: string
  /** The rest of the path. */
  readonly path?: string
  readonly route?: unknown
  readonly app?: unknown
  readonly socket?: unknown
}

/** The parts of an Express application that are read. */
interface App {
  readonly parent?: App
  /** Express 4 makes its router late; its `router` throws. */
  readonly lazyrouter?: unknown
  readonly _router?: Router
  readonly router?: Router
}

interface Router {
  readonly stack?: readonly Layer[]
}

/** What is looked for, on the way that Express went to it. */
interface Search {
  readonly route: unknown
  readonly handler: unknown
  /** The application that answers, and those that it is mounted in, outermost first. */
  readonly apps: readonly App[]
}

interface Found {
  readonly mount: string
  /** Whether the handler itself was found there, and not only a layer that matches. */
  readonly isCertain: boolean
}

/** Routers within routers that are told apart; one that is mounted within itself has no end of them. */
const MAX_DEPTH = 16

/**
 * Finds the paths that the routers around a handler were mounted at: `/:tenant/v1`, however a client spells them. Express
 * keeps only the spelled path, so that the routers' layers are matched against it again.
 *
 * @param handler the handler that asks, for one that is not part of a route
 * @returns `''` where it is not mounted, and `*` where the mount cannot be found
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

/** What Express cuts off a path for a layer. */
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

/** The applications that a server calls: an application in a router does not know the one around it. */
function serverApps(socket: unknown): unknown[] {
  const { server } = (socket ?? {}) as {
    readonly server?: { listeners?(event: 'request'): unknown[] } | undefined
  }
  return server?.listeners?.('request') ?? []
}

/** The stack of a router or an application; undefined for other handlers. */
function stackOf(handler: unknown): readonly Layer[] | undefined {
  if (typeof handler !== 'function') return undefined
  const { stack } = handler as Router
  if (Array.isArray(stack)) return stack
  const app = handler as App
  const router = app.lazyrouter === undefined ? app.router : app._router
  return Array.isArray(router?.stack) ? router.stack : undefined
}
