import { useEffect, useMemo, useState } from 'preact/hooks'
import { ActionDialog } from './actions/action-dialog.js'
import type { PendingAction } from './actions/pending-action.js'
import { SignIn } from './actions/sign-in.js'
import { AdminApi } from './api/admin-api.js'
import { useLive } from './api/use-live.js'
import { rate } from './components/format.js'
import { Header } from './header.js'
import { LiveTabs } from './live-tabs.js'
import { ConnectionBanner } from './panels/connection-banner.js'
import { trafficOf } from './timeseries/buckets.js'

/** Time for which the result of an action is shown. */
const NOTICE_MS = 8000

/** The live dashboard of a gateway. */
export function App() {
  const api = useMemo(() => new AdminApi(), [])
  const [live, feed] = useLive(api)
  const { connection, history, status } = live
  const [pending, setPending] = useState<PendingAction>()
  const [notice, setNotice] = useState('')
  const onAction = status?.acts === 'token' ? setPending : undefined
  const signIn = (token: string | undefined) => {
    api.setToken(token)
    void feed.connect()
  }

  useEffect(() => {
    const timer = setTimeout(() => setNotice(''), NOTICE_MS)
    return () => clearTimeout(timer)
  }, [notice])

  const newest = history.samples.at(-1)
  const refused = newest === undefined ? 0 : trafficOf(newest, undefined).refused
  useEffect(() => {
    document.title = refused > 0 ? `${rate(refused)}/s refused · Sluice` : 'Sluice'
  }, [refused])

  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header connection={connection} onSignOut={api.hasToken ? () => signIn(undefined) : undefined} />
      <main id="main" tabIndex={-1} class={connection.state === 'lost' ? 'stale' : undefined}>
        <ConnectionBanner connection={connection} onRetry={() => void feed.connect()} />
        {connection.state === 'token-required' ? (
          <SignIn reason={connection.reason} onToken={signIn} />
        ) : (
          <>
            <LiveTabs api={api} live={live} onAction={onAction} onDone={setNotice} />
            {status?.acts === 'off' && (
              <p class="foot">
                Actions are off. Create an admin token with <code>sluice token new</code> and add it to the
                configuration. You can then change limits, switch rules to shadow mode and reset clients on
                this page.
              </p>
            )}
          </>
        )}
      </main>
      <p class="notice" role="status">
        {notice}
      </p>
      {pending !== undefined && (
        <ActionDialog
          api={api}
          pending={pending}
          onClose={() => setPending(undefined)}
          onDone={(done) => {
            setPending(undefined)
            setNotice(done)
          }}
        />
      )}
    </>
  )
}
