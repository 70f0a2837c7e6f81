import { useEffect, useMemo, useState } from 'preact/hooks'
import { ActDialog } from './acts/act-dialog.js'
import type { Proposal } from './acts/proposal.js'
import { SignIn } from './acts/sign-in.js'
import { AdminApi } from './feed/admin-api.js'
import { useLive } from './feed/use-live.js'
import { Header } from './header.js'
import { trafficOf } from './history/stretches.js'
import { rate } from './parts/format.js'
import { ClientSearch, type Search } from './sections/client-search.js'
import { Condition } from './sections/condition.js'
import { Configuration } from './sections/configuration.js'
import { ConnectionBanner } from './sections/connection-banner.js'
import { Latencies } from './sections/latencies.js'
import { PlotTools } from './sections/plot-tools.js'
import { Refusals } from './sections/refusals.js'
import { Replay } from './sections/replay/replay.js'
import { Routes } from './sections/routes.js'
import { Rules } from './sections/rules.js'
import { ShadowRules } from './sections/shadow-rules.js'
import { Talkers } from './sections/talkers.js'
import { TopLine } from './sections/top-line.js'
import { Traffic } from './sections/traffic.js'
import { UnderWay } from './sections/under-way.js'
import { type Minutes, useView } from './sections/view.js'

/** How long it is said what was done, in milliseconds. */
const NOTICE = 8000

/** The dashboard: what the gateway does, as it does it. */
export function App() {
  const api = useMemo(() => new AdminApi(), [])
  const [live, feed] = useLive(api)
  const { connection, history, status } = live
  const [route, setRoute] = useState<string>()
  const [minutes, setMinutes] = useState<Minutes>('15')
  const [search, setSearch] = useState<Search>({ text: '', turn: 0 })
  const [proposal, setProposal] = useState<Proposal>()
  const [notice, setNotice] = useState('')
  const view = useView(history, route, minutes)
  const propose = status?.acts === 'token' ? setProposal : undefined
  const find = (text: string) => setSearch(({ turn }) => ({ text, turn: turn + 1 }))
  const takeToken = (token: string | undefined) => {
    api.setToken(token)
    void feed.connect()
  }

  useEffect(() => {
    const timer = setTimeout(() => setNotice(''), NOTICE)
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
        Skip to the figures
      </a>
      <Header connection={connection} onSignOut={api.hasToken ? () => takeToken(undefined) : undefined} />
      <main id="main" tabIndex={-1} class={connection.state === 'lost' ? 'stale' : undefined}>
        <ConnectionBanner connection={connection} onRetry={() => void feed.connect()} />
        {connection.state === 'wants-token' ? (
          <SignIn reason={connection.reason} onToken={takeToken} />
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
                <UnderWay view={view} />
              </div>
              <div class="span-12">
                <Routes history={history} route={route} onRoute={setRoute} />
              </div>
              {status !== undefined && (
                <>
                  <div class="span-12">
                    <Rules status={status} propose={propose} onClient={find} />
                  </div>
                  <ShadowRules status={status} propose={propose} />
                  <Condition status={status} />
                </>
              )}
              <div class="span-12">
                <ClientSearch api={api} search={search} onSearch={find} propose={propose} />
              </div>
              <Talkers api={api} onClient={find} />
              {status !== undefined && (
                <div class="span-12">
                  <Replay api={api} started={status.started} />
                </div>
              )}
              <div class="span-12">
                <Configuration api={api} />
              </div>
            </div>
            {status?.acts === 'off' && (
              <p class="foot">
                This page shows and changes nothing. To set rules to shadow, change limits and reset clients
                from here, give the admin port a token: <code>sluice token new</code>.
              </p>
            )}
          </>
        )}
      </main>
      <p class="notice" role="status">
        {notice}
      </p>
      {proposal !== undefined && (
        <ActDialog
          api={api}
          proposal={proposal}
          onClose={() => setProposal(undefined)}
          onDone={(done) => {
            setProposal(undefined)
            setNotice(done)
          }}
        />
      )}
    </>
  )
}
