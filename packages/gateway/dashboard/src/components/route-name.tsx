import './route-name.css'

/** A route as people read it, broken where its segments are; what matches none has no name. */
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
