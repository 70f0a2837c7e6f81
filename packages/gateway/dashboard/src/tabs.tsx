import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { TABS, type TabId } from './place.js'
import './tabs.css'

const IDS = Object.keys(TABS) as TabId[]

/**
 * The tabs of the page. As in the ARIA Authoring Practices, one tab is in the tab sequence, and the
 * arrow keys, Home and End move between tabs and select them.
 */
export function TabList({
  selected,
  onSelect,
}: {
  readonly selected: TabId
  readonly onSelect: (tab: TabId) => void
}) {
  const list = useRef<HTMLDivElement>(null)
  const onKeyDown = (event: KeyboardEvent) => {
    const focused = IDS.findIndex((id) => document.activeElement?.id === `tab-${id}`)
    const index = indexAfter(event.key, focused)
    const tab = index === undefined ? undefined : IDS[index]
    if (tab === undefined) return
    event.preventDefault()
    onSelect(tab)
    list.current?.querySelector<HTMLElement>(`#tab-${tab}`)?.focus()
  }
  return (
    <div class="tabs" role="tablist" aria-label="Parts of the dashboard" ref={list} onKeyDown={onKeyDown}>
      {IDS.map((id) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`tab-${id}`}
          aria-selected={id === selected}
          aria-controls={`panel-${id}`}
          tabIndex={id === selected ? 0 : -1}
          onClick={() => onSelect(id)}
        >
          {TABS[id]}
        </button>
      ))}
    </div>
  )
}

function indexAfter(key: string, index: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
      return (index + 1) % IDS.length
    case 'ArrowLeft':
      return (index + IDS.length - 1) % IDS.length
    case 'Home':
      return 0
    case 'End':
      return IDS.length - 1
    default:
      return undefined
  }
}

/** The content of a tab. Only the selected tab has content, unless `keep` preserves its state. */
export function TabPanel({
  id,
  selected,
  keep = false,
  children,
}: {
  readonly id: TabId
  readonly selected: TabId
  readonly keep?: boolean
  readonly children: ComponentChildren
}) {
  const wasSelected = useRef(false)
  wasSelected.current ||= id === selected
  const isShown = id === selected
  return (
    <div
      role="tabpanel"
      id={`panel-${id}`}
      class="tab-panel"
      aria-labelledby={`tab-${id}`}
      tabIndex={isShown ? 0 : -1}
      hidden={!isShown}
    >
      {(isShown || (keep && wasSelected.current)) && children}
    </div>
  )
}
