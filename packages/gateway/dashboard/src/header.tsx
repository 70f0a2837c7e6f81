import type { Connection } from './api/live-feed.js'
import { Badge } from './components/badge.js'
import { Choice } from './components/choice.js'
import { type ThemeChoice, useTheme } from './components/theme.js'

const CONNECTIONS = {
  live: <Badge tone="good">live</Badge>,
  connecting: <Badge tone="plain">connecting</Badge>,
  lost: <Badge tone="bad">disconnected</Badge>,
  'token-required': <Badge tone="warning">signed out</Badge>,
}

/** The page header: connection state, sign-out and theme. */
export function Header({
  connection,
  onSignOut,
}: {
  readonly connection: Connection
  /** Undefined if no token is in use. */
  readonly onSignOut: (() => void) | undefined
}) {
  const [theme, setTheme] = useTheme()
  return (
    <header class="top">
      <h1>
        <Logo />
        Sluice
      </h1>
      {CONNECTIONS[connection.state]}
      <div class="looks">
        {onSignOut !== undefined && (
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        )}
        <Choice<ThemeChoice>
          legend="Theme"
          name="theme"
          options={{ system: 'Auto', light: 'Light', dark: 'Dark' }}
          value={theme}
          onChoose={setTheme}
        />
      </div>
    </header>
  )
}

/** The logo: two walls and the stream that passes between them. */
function Logo() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path class="walls" d="M6 3v18M18 3v18" />
      <path class="stream" d="M6 9c4-3 8 3 12 0M6 15c4-3 8 3 12 0" />
    </svg>
  )
}
