import { useCallback, useState } from 'preact/hooks'
import type { Sample } from '../../src/server/admin/api/live-samples.js'
import { ActsPanel } from './actions/acts-panel.js'
import { KeysPanel } from './actions/keys-panel.js'
import type { ActionHandler } from './actions/pending-action.js'
import type { AdminApi } from './api/admin-api.js'
import type { Live } from './api/use-live.js'
import { useMinutes } from './api/use-minutes.js'
import { ClientSearch } from './panels/client-search.js'
import { ClientTreePanel } from './panels/client-tree.js'
import { Configuration } from './panels/configuration.js'
import { InFlight } from './panels/in-flight.js'
import { Latencies } from './panels/latencies.js'
import { PlotTools } from './panels/plot-tools.js'
import { RecentRefusals } from './panels/recent-refusals.js'
import { Refusals } from './panels/refusals.js'
import { ReplayPanel } from './panels/replay/replay-panel.js'
import { Routes } from './panels/routes.js'
import { Rules } from './panels/rules.js'
import { ShadowRules } from './panels/shadow-rules.js'
import { SpendPanel } from './panels/spend.js'
import { Statuses } from './panels/statuses.js'
import { StoreStatusPanel } from './panels/store-status.js'
import { TokenRates, TokenShares, TokenTimes } from './panels/tokens.js'
import { TopClientsPanel } from './panels/top-clients.js'
import { TopLine } from './panels/top-line.js'
import { Traffic } from './panels/traffic.js'
import { needsMinutes, type Period, useView } from './panels/view.js'
import { usePlace } from './place.js'
import { TabList, TabPanel } from './tabs.js'

const NO_MINUTES: readonly Sample[] = []

/** The tabs with the data of a gateway. */
export function LiveTabs({
  api,
  live,
  onAction,
  onDone,
}: {
  readonly api: AdminApi
  readonly live: Live
  /** Undefined if actions are off. */
  readonly onAction: ActionHandler | undefined
  /** Called with a description of a completed change. */
  readonly onDone: (done: string) => void
}) {
  const { history, status } = live
  const [route, setRoute] = useState<string>()
  const [period, setPeriod] = useState<Period>({ minutes: '15', zoom: undefined })
  const [place, goTo] = usePlace()
  const { tab } = place
  const isLong = needsMinutes(period, history.samples.at(-1)?.at ?? Date.now())
  const minutes = useMinutes(api, isLong, status?.started)
  const zoomTo = useCallback(
    (from: number, to: number) => setPeriod((before) => ({ ...before, zoom: [from, to] })),
    [],
  )
  const view = useView(history, isLong ? minutes : NO_MINUTES, route, period, zoomTo)
  const find = (q: string) => goTo('clients', { q })
  const plotTools = (
    <PlotTools
      routes={status?.routes.map((each) => each.route) ?? []}
      route={route}
      period={period}
      span={view.span}
      onRoute={setRoute}
      onPeriod={setPeriod}
    />
  )
  return (
    <>
      <TabList selected={tab} onSelect={(id) => goTo(id)} />
      <TabPanel id="traffic" selected={tab}>
        <TopLine {...live} />
        {plotTools}
        <div class="grid">
          <div class="span-7">
            <Traffic view={view} />
          </div>
          <div class="span-5">
            <Refusals view={view} />
          </div>
          <div class="span-7">
            <Statuses view={view} />
          </div>
          <div class="span-5">
            <InFlight view={view} />
          </div>
          <div class="span-12 row">
            <Latencies view={view} />
          </div>
          <div class="span-12">
            <Routes history={history} route={route} onRoute={setRoute} />
          </div>
        </div>
      </TabPanel>
      <TabPanel id="tokens" selected={tab}>
        {plotTools}
        <div class="grid">
          <div class="span-12">
            <TokenRates view={view} />
          </div>
          <div class="span-12">
            <TokenShares view={view} onClient={find} />
          </div>
          <div class="span-12 row">
            <TokenTimes view={view} />
          </div>
        </div>
      </TabPanel>
      <TabPanel id="refusals" selected={tab}>
        <RecentRefusals
          api={api}
          rules={status?.routes.flatMap(({ rules }) => rules.map(({ rule }) => rule)) ?? []}
          query={{
            text: place.query.get('text') ?? '',
            rule: place.query.get('rule') ?? '',
            client: place.query.get('client') ?? '',
          }}
          onQuery={(query) => goTo('refusals', { ...query }, 'replace')}
          onClient={find}
        />
      </TabPanel>
      <TabPanel id="rules" selected={tab}>
        {status !== undefined && (
          <div class="grid">
            <div class="span-12">
              <Rules status={status} onAction={onAction} onClient={find} />
            </div>
            <div class="span-12">
              <ShadowRules status={status} onAction={onAction} />
            </div>
            <div class="span-12">
              <ActsPanel api={api} canAct={onAction !== undefined} onDone={onDone} />
            </div>
          </div>
        )}
      </TabPanel>
      <TabPanel id="clients" selected={tab}>
        <div class="grid">
          <div class="span-12">
            <ClientSearch
              api={api}
              search={place.query.get('q') ?? ''}
              onSearch={find}
              onRefusals={(client) => goTo('refusals', { client })}
              onAction={onAction}
              onDone={onDone}
            />
          </div>
          <TopClientsPanel api={api} onClient={find} />
          <div class="span-12">
            <ClientTreePanel api={api} onClient={find} />
          </div>
        </div>
      </TabPanel>
      <TabPanel id="spend" selected={tab}>
        <SpendPanel
          api={api}
          choice={{ month: place.query.get('month') ?? '', by: place.query.get('by') ?? '' }}
          onChoice={(choice) => goTo('spend', { ...choice }, 'replace')}
          onClient={find}
        />
      </TabPanel>
      <TabPanel id="keys" selected={tab}>
        <KeysPanel
          api={api}
          search={place.query.get('q') ?? ''}
          canAct={onAction !== undefined}
          onSearch={(q) => goTo('keys', { q }, 'replace')}
          onDone={onDone}
        />
      </TabPanel>
      <TabPanel id="replay" selected={tab} keep>
        {status !== undefined && <ReplayPanel api={api} started={status.started} />}
      </TabPanel>
      <TabPanel id="gateway" selected={tab}>
        <div class="grid">
          <div class="span-12">{status !== undefined && <StoreStatusPanel status={status} />}</div>
          <div class="span-12">
            <Configuration api={api} />
          </div>
        </div>
      </TabPanel>
    </>
  )
}
