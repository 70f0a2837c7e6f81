import { useEffect, useState } from 'preact/hooks'

/** The chosen theme; `system` follows the operating system. */
export type ThemeChoice = 'system' | 'light' | 'dark'

const STORAGE_KEY = 'sluice-theme'
const darkSystem = matchMedia('(prefers-color-scheme: dark)')

/** Applies the chosen theme, and stores it if the browser permits. */
export function useTheme(): readonly [ThemeChoice, (choice: ThemeChoice) => void] {
  const [choice, setChoice] = useState(storedChoice)
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
        localStorage.setItem(STORAGE_KEY, next)
      } catch {
        // Without storage, the choice lasts until the page is closed.
      }
    },
  ]
}

/** Returns a number that changes whenever the colours change, so that canvases are redrawn. */
export function useColourChanges(): number {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const onChange = () => setChanges((before) => before + 1)
    addEventListener('themechange', onChange)
    darkSystem.addEventListener('change', onChange)
    return () => {
      removeEventListener('themechange', onChange)
      darkSystem.removeEventListener('change', onChange)
    }
  }, [])
  return changes
}

/** Resolves a colour of theme.css for a canvas. */
export function colourOf(name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(STORAGE_KEY)
    if (stored === 'light' || stored === 'dark') return stored
  } catch {
    // Storage is not available.
  }
  return 'system'
}
