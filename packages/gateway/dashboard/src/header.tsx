import type { Connection } from './api/live-feed.js'
import { Badge } from './components/badge.js'
import { Choice } from './components/choice.js'
import { type ThemeChoice, useTheme } from './components/theme.js'

const CONNECTIONS = {
  live: <Badge tone="good">live</Badge>,
  connecting: <Badge tone="plain">connecting</Badge>,
  lost: <Badge tone="bad">not connected</Badge>,
  'wants-token': <Badge tone="warning">signed out</Badge>,
}

const PLACES = {
  traffic: 'Traffic',
  rules: 'Rules',
  client: 'Clients',
  replay: 'Replay',
  configuration: 'Configuration',
}

/** The top of the page: what it is, where to go in it, and how it looks. */
export function Header({
  connection,
  onSignOut,
}: {
  readonly connection: Connection
  /** Undefined where there is no token to forget. */
  readonly onSignOut: (() => void) | undefined
}) {
  const [theme, setTheme] = useTheme()
  return (
    <header class="top">
      <h1>
        <Mark />
        Sluice
      </h1>
      {CONNECTIONS[connection.state]}
      {connection.state !== 'wants-token' && (
        <nav aria-label="Parts of the page">
          {Object.entries(PLACES).map(([id, title]) => (
            <a key={id} href={`#${id}`}>
              {title}
            </a>
          ))}
        </nav>
      )}
      <div class="looks">
        {onSignOut !== undefined && (
          <button type="button" onClick={onSignOut}>
            Forget the token
          </button>
        )}
        <Choice<ThemeChoice>
          legend="Colours"
          name="theme"
          options={{ system: 'Auto', light: 'Light', dark: 'Dark' }}
          value={theme}
          onChoose={setTheme}
        />
      </div>
    </header>
  )
}

/** Two walls and what is let through between them. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path class="walls" d="M6 3v18M18 3v18" />
      <path class="stream" d="M6 9c4-3 8 3 12 0M6 15c4-3 8 3 12 0" />
    </svg>
  )
}
