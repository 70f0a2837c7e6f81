import { useCallback, useEffect, useState } from 'preact/hooks'

/** The tabs of the page, with their titles. */
export const TABS = {
  traffic: 'Traffic',
  tokens: 'Tokens',
  refusals: 'Refusals',
  rules: 'Rules',
  clients: 'Clients',
  spend: 'Spend',
  keys: 'Keys',
  replay: 'Replay',
  gateway: 'Gateway',
} as const

export type TabId = keyof typeof TABS

/** What the page shows. It is in the fragment of the address: `#refusals?text=acme`. */
export interface Place {
  readonly tab: TabId
  readonly query: URLSearchParams
}

/**
 * Reads a fragment with its `#`. One that names no tab, such as that of the link to the content,
 * keeps the current place.
 */
export function placeOf(fragment: string, current: Place = FIRST): Place {
  const [, name = '', query = ''] = /^#([^?]*)\??(.*)$/s.exec(fragment) ?? []
  if (!Object.hasOwn(TABS, name)) return name === '' ? FIRST : current
  return { tab: name as TabId, query: new URLSearchParams(query) }
}

const FIRST: Place = { tab: 'traffic', query: new URLSearchParams() }

/** Formats a place as a fragment. Empty parameters are left out. */
export function fragmentOf(tab: TabId, parameters: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ''))
  return query.size === 0 ? `#${tab}` : `#${tab}?${query}`
}

/** Shows another place; `replace` keeps the back button from returning to the current one. */
export type GoTo = (tab: TabId, parameters?: Readonly<Record<string, string>>, replace?: 'replace') => void

/** Follows the address of the page, so that links to a tab and the back button work. */
export function usePlace(): readonly [Place, GoTo] {
  const [place, setPlace] = useState(() => placeOf(location.hash))
  useEffect(() => {
    const onChange = () => setPlace((current) => placeOf(location.hash, current))
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  const goTo = useCallback<GoTo>((tab, parameters, replace) => {
    const fragment = fragmentOf(tab, parameters)
    if (replace === 'replace') {
      history.replaceState(null, '', fragment)
    } else location.hash = fragment
    // Without waiting for the event, so that keys pressed in quick succession all count.
    setPlace(placeOf(fragment))
  }, [])
  return [place, goTo]
}
