import { useEffect, useState } from 'preact/hooks'

/** What the reader has chosen: light, dark, or as the system is. */
export type ThemeChoice = 'system' | 'light' | 'dark'

const KEPT_UNDER = 'sluice-theme'
const darkSystem = matchMedia('(prefers-color-scheme: dark)')

/** Applies the choice, and keeps it where the browser lets it. */
export function useTheme(): readonly [ThemeChoice, (choice: ThemeChoice) => void] {
  const [choice, setChoice] = useState(keptChoice)
  useEffect(() => {
    if (choice === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = choice
    dispatchEvent(new Event('themechange'))
  }, [choice])
  return [
    choice,
    (next) => {
      setChoice(next)
      try {
        localStorage.setItem(KEPT_UNDER, next)
      } catch {
        // A browser that keeps nothing has the choice until the page is closed.
      }
    },
  ]
}

/** A number that changes when colours do: what is painted by hand is then painted again. */
export function useColourChanges(): number {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const changed = () => setChanges((before) => before + 1)
    addEventListener('themechange', changed)
    darkSystem.addEventListener('change', changed)
    return () => {
      removeEventListener('themechange', changed)
      darkSystem.removeEventListener('change', changed)
    }
  }, [])
  return changes
}

/** What a colour of theme.css is now, for a canvas. */
export function colourOf(name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function keptChoice(): ThemeChoice {
  try {
    const kept = localStorage.getItem(KEPT_UNDER)
    if (kept === 'light' || kept === 'dark') return kept
  } catch {
    // As above.
  }
  return 'system'
}
