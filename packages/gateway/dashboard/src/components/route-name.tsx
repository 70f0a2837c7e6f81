import './route-name.css'

/** A route that wraps between its path segments. */
export function RouteName({ route }: { readonly route: string }) {
  return (
    <span class="route-name name" title={route}>
      {routeName(route)
        .split(/(?<=\/)/)
        .map((segment, index) => [index > 1 && <wbr />, segment])}
    </span>
  )
}

export function routeName(route: string): string {
  return route === '' ? '(no route)' : route
}
