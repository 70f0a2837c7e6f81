import { useMemo, useState } from 'preact/hooks'
import { Bar } from '../components/bar.js'
import { Choice } from '../components/choice.js'
import { count, perMinuteLabel, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Table } from '../components/table.js'
import { OTHERS, type TokenGroup, type TokenTotal, tokensIn } from '../timeseries/token-history.js'
import { LatencyPlot } from './latencies.js'
import { periodLabel, routeLabel, type View } from './view.js'
import { ViewPlot } from './view-plot.js'

const NO_TOKENS =
  'No tokens in this period. The gateway counts the tokens of routes with llm and a limit of tokens.'

/** Colours of the lines, in their order; the last one is that of the others. */
const COLOURS = ['allowed', 'refused', 'busy', 'shadowed', 'waiting'] as const

/** Plots the input and output tokens per minute. */
export function TokenRates({ view }: { readonly view: View }) {
  const perMinute = (of: 'input' | 'output') =>
    view.buckets.map(({ traffic, seconds }) => ((traffic.model?.[of] ?? 0) * 60) / Math.max(seconds, 1))
  return (
    <Panel id="tokens" title="Tokens per minute" note={`${routeLabel(view)}, ${periodLabel(view)}`}>
      {view.buckets.every(({ traffic }) => traffic.model === undefined) ? (
        <Empty>{NO_TOKENS}</Empty>
      ) : (
        <ViewPlot
          label={`Input and output tokens per minute, ${routeLabel(view)}, ${periodLabel(view)}`}
          view={view}
          format={perMinuteLabel}
          tick={tick}
          height={200}
          minScale={10}
          lines={[
            {
              label: 'input',
              help: 'Tokens per minute that clients sent, as they were charged: cached tokens count by their configured weight. Counted when a response ends.',
              colour: 'busy',
              values: perMinute('input'),
              stack: true,
            },
            {
              label: 'output',
              help: 'Tokens per minute that models wrote. Counted when a response ends.',
              colour: 'shadowed',
              values: perMinute('output'),
              stack: true,
            },
          ]}
        />
      )}
    </Panel>
  )
}

const NOTES = {
  route: 'the 5 routes with the most tokens',
  model: 'the 5 models with the most tokens, named as in the requests; all routes',
  client: 'the 5 clients with the most tokens; all routes',
}

/** Plots and lists the tokens by route, model or client. */
export function TokenShares({
  view,
  onClient,
}: {
  readonly view: View
  readonly onClient: (client: string) => void
}) {
  const [group, setGroup] = useState<TokenGroup>('model')
  const totals = useMemo(
    () => tokensIn(view.samples, group, view.times, view.length, COLOURS.length),
    [view, group],
  )
  const sum = totals.reduce((total, { input, output }) => total + input + output, 0)
  return (
    <Panel
      id="token-shares"
      title={`Tokens by ${group}`}
      note={`${NOTES[group]}, ${periodLabel(view)}`}
      tools={
        <Choice<TokenGroup>
          legend="Group tokens by"
          name="token-group"
          options={{ model: 'Model', route: 'Route', client: 'Client' }}
          value={group}
          onChoose={setGroup}
        />
      }
    >
      {totals.length === 0 ? (
        <Empty>{NO_TOKENS}</Empty>
      ) : (
        <div class="plot-and-table">
          <ViewPlot
            label={`Tokens per minute by ${group}, ${periodLabel(view)}. The table lists the sums.`}
            view={view}
            format={perMinuteLabel}
            tick={tick}
            height={220}
            minScale={10}
            lines={totals.map(({ name, perMinute }, index) => ({
              label: name,
              help: `Input and output tokens per minute of ${name}.`,
              colour: name === OTHERS ? 'other' : (COLOURS[index] ?? 'other'),
              values: perMinute,
              stack: true,
            }))}
          />
          <div>
            <Table<TokenTotal>
              caption={`tokens by ${group}`}
              rows={totals}
              keyOf={({ name }) => name}
              columns={[
                {
                  title: group.charAt(0).toUpperCase() + group.slice(1),
                  help: `The ${group}. The rest is summed as ${OTHERS}.`,
                  cell: ({ name }) =>
                    group === 'client' && name !== OTHERS ? (
                      <button type="button" class="link name" onClick={() => onClient(name)}>
                        {name}
                      </button>
                    ) : (
                      <span class="name">{name}</span>
                    ),
                },
                {
                  title: 'Input tokens',
                  help: 'Tokens that clients sent in the period, as they were charged.',
                  kind: 'number',
                  cell: ({ input }) => count(input),
                },
                {
                  title: 'Output tokens',
                  help: 'Tokens that models wrote in the period.',
                  kind: 'number',
                  cell: ({ output }) => count(output),
                },
                {
                  title: 'Share',
                  help: 'Part of all tokens in the period, in percent.',
                  kind: 'bar',
                  wideOnly: true,
                  cell: ({ input, output }) => (
                    <Bar part={(input + output) / Math.max(sum, 1)} colour="busy" />
                  ),
                },
              ]}
            />
          </div>
        </div>
      )}
    </Panel>
  )
}

const NONE = { count: 0, p50: 0, p99: 0, max: 0 }

/** Plots the time to first token and the time per output token. */
export function TokenTimes({ view }: { readonly view: View }) {
  return (
    <>
      <LatencyPlot
        id="first-token"
        title="Time to first token"
        note="streamed responses"
        empty="No streamed response of a model ended in this period."
        help="Time from forwarding a request to the first text of a streamed response."
        view={view}
        of={({ traffic }) => traffic.model?.firstToken ?? NONE}
      />
      <LatencyPlot
        id="per-output-token"
        title="Time per output token"
        note="streamed responses"
        empty="No streamed response of a model ended in this period."
        help="Average time between two output tokens of a streamed response."
        view={view}
        of={({ traffic }) => traffic.model?.perOutputToken ?? NONE}
      />
    </>
  )
}
