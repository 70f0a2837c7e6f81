import { useEffect, useMemo, useState } from 'preact/hooks'
import { ActsPanel } from './actions/acts-panel.js'
import { ActionDialog } from './actions/action-dialog.js'
import type { PendingAction } from './actions/pending-action.js'
import { SignIn } from './actions/sign-in.js'
import { AdminApi } from './api/admin-api.js'
import { useLive } from './api/use-live.js'
import { rate } from './components/format.js'
import { Header } from './header.js'
import { ClientSearch, type Search } from './panels/client-search.js'
import { Configuration } from './panels/configuration.js'
import { ConnectionBanner } from './panels/connection-banner.js'
import { InFlight } from './panels/in-flight.js'
import { Latencies } from './panels/latencies.js'
import { PlotTools } from './panels/plot-tools.js'
import { Refusals } from './panels/refusals.js'
import { ReplayPanel } from './panels/replay/replay-panel.js'
import { Routes } from './panels/routes.js'
import { Rules } from './panels/rules.js'
import { ShadowRules } from './panels/shadow-rules.js'
import { StoreStatusPanel } from './panels/store-status.js'
import { TopClientsPanel } from './panels/top-clients.js'
import { TopLine } from './panels/top-line.js'
import { Traffic } from './panels/traffic.js'
import { type Minutes, useView } from './panels/view.js'
import { trafficOf } from './timeseries/buckets.js'

/** Time for which the result of an action is shown. */
const NOTICE_MS = 8000

/** The live dashboard of a gateway. */
export function App() {
  const api = useMemo(() => new AdminApi(), [])
  const [live, feed] = useLive(api)
  const { connection, history, status } = live
  const [route, setRoute] = useState<string>()
  const [minutes, setMinutes] = useState<Minutes>('15')
  const [search, setSearch] = useState<Search>({ text: '', count: 0 })
  const [pending, setPending] = useState<PendingAction>()
  const [notice, setNotice] = useState('')
  const view = useView(history, route, minutes)
  const onAction = status?.acts === 'token' ? setPending : undefined
  const find = (text: string) => setSearch(({ count }) => ({ text, count: count + 1 }))
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
            <TopLine {...live} />
            <PlotTools
              routes={status?.routes.map((each) => each.route) ?? []}
              route={route}
              minutes={minutes}
              onRoute={setRoute}
              onMinutes={setMinutes}
            />
            <div class="grid">
              <div class="span-7">
                <Traffic view={view} />
              </div>
              <div class="span-5">
                <Refusals view={view} />
              </div>
              <div class="span-12 row">
                <Latencies view={view} />
                <InFlight view={view} />
              </div>
              <div class="span-12">
                <Routes history={history} route={route} onRoute={setRoute} />
              </div>
              {status !== undefined && (
                <>
                  <div class="span-12">
                    <Rules status={status} onAction={onAction} onClient={find} />
                  </div>
                  <ShadowRules status={status} onAction={onAction} />
                  <StoreStatusPanel status={status} />
                </>
              )}
              <div class="span-12">
                <ActsPanel api={api} canAct={status?.acts === 'token'} onDone={setNotice} />
              </div>
              <div class="span-12">
                <ClientSearch api={api} search={search} onSearch={find} onAction={onAction} />
              </div>
              <TopClientsPanel api={api} onClient={find} />
              {status !== undefined && (
                <div class="span-12">
                  <ReplayPanel api={api} started={status.started} />
                </div>
              )}
              <div class="span-12">
                <Configuration api={api} />
              </div>
            </div>
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
