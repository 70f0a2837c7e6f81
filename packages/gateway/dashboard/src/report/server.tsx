import type { DurationQuantiles } from '../../../src/replay/server/duration-quantiles.js'
import type { ServerReport, TenantService } from '../../../src/replay/server/server-report.js'
import { duration, rate, tick } from '../components/format.js'
import { Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import type { Line } from '../components/plot-drawing.js'
import { SortableTable } from '../components/sortable-table.js'
import { Tile, Tiles } from '../components/tile.js'
import { bucketLength, number, part } from './report-format.js'
import { type Side, titleOf } from './sides.js'

/** Colours of clients, from theme.css. Further clients reuse them with dashed lines. */
const COLOURS = ['allowed', 'refused', 'busy', 'shadowed', 'waiting']

type Interval = ServerReport['timeline']['intervals'][number]

/** What a model of the server did with the admitted requests of a policy. */
export function Server({ report, name, id }: Side) {
  const { server } = report
  if (server === undefined) return null
  return (
    <>
      <section aria-label={titleOf('Server', { name })}>
        <h2>{titleOf(`Server: ${server.name}`, { name })}</h2>
        <ServerFigures server={server} />
      </section>
      <ServerPlots server={server} name={name} id={id} />
      <Tenants server={server} name={name} id={id} />
    </>
  )
}

function ServerFigures({ server }: { readonly server: ServerReport }) {
  const { requests, firstToken, gap, throughput, goodput, waiting, preemptions, serviceGap, shareFairness } =
    server
  const { firstTokenMs, gapMs } = goodput.target
  return (
    <Tiles>
      <Tile
        title="First token, p50"
        figure={firstToken === null ? '–' : duration(firstToken.p50)}
        below={firstToken === null ? '' : `p90 ${duration(firstToken.p90)}, p99 ${duration(firstToken.p99)}`}
        help="from the arrival at the gateway"
      />
      <Tile
        title="Time per token, p50"
        figure={gap === null ? '–' : duration(gap.p50)}
        below={gap === null ? '' : `p90 ${duration(gap.p90)}, p99 ${duration(gap.p99)}`}
        help="mean time between the tokens of an answer"
      />
      <Tile
        title="Throughput"
        figure={`${rate(throughput.input + throughput.output)}/s`}
        below={`tokens, ${rate(throughput.output)}/s of them output; ${number(requests.served)} of ${number(requests.sent)} requests`}
      />
      <Tile
        title="Goodput"
        figure={`${rate(goodput.output)}/s`}
        below={`output of ${part(goodput.answers, requests.served)} of answers, within ${duration(firstTokenMs)} and ${duration(gapMs)} per token`}
      />
      <Tile
        title="Waiting at the gateway, mean"
        figure={rate(waiting.gateway)}
        below={`${rate(waiting.server)} at the server, ${number(preemptions)} preemptions`}
      />
      <Tile
        title="Service gap, mean"
        figure={rate(serviceGap.mean)}
        below={`max ${rate(serviceGap.max)}${shareFairness === null ? '' : `; fairness ${shareFairness.toFixed(3)}`}`}
        help="weighted tokens per second that clients get less than the best served one; Jain’s index of clients that wait"
      />
    </Tiles>
  )
}

function ServerPlots({ server, name, id }: Pick<Side, 'name' | 'id'> & { readonly server: ServerReport }) {
  const { timeline } = server
  const { intervals, width } = timeline
  const times = intervals.map(({ at }) => at)
  const span = [times[0] ?? 0, (times.at(-1) ?? 0) + width] as const
  const of = (value: (interval: Interval) => number | null) => intervals.map(value)
  const note = `per ${bucketLength(width)}`
  const plot = (label: string, lines: readonly Line[], format: (value: number) => string, axis = format) => (
    <Plot {...{ label, times, lines, format, span }} tick={axis} height={200} group="replay" />
  )
  const firstToken = (quantile: keyof DurationQuantiles) =>
    of((interval) => interval.firstToken?.[quantile] ?? null)
  return (
    <div class="side-by-side">
      <Panel id={`service-${id}`} title={titleOf('Service by client', { name })} note={note}>
        {plot(
          'Service of each client over time, in weighted tokens per second',
          timeline.tenants.map((tenant, index) => ({
            label: tenant,
            colour: COLOURS[index % COLOURS.length] ?? 'other',
            dashed: index >= COLOURS.length,
            ...(index >= 2 * COLOURS.length && { colour: 'other', dashed: false }),
            values: of(({ service }) => service[index] ?? 0),
          })),
          (value) => `${rate(value)}/s`,
          tick,
        )}
      </Panel>
      <Panel id={`first-token-${id}`} title={titleOf('Time to first token', { name })} note={note}>
        {plot(
          'Time to first token over time, by arrival',
          [
            { label: 'p50', colour: 'allowed', values: firstToken('p50') },
            { label: 'p90', colour: 'waiting', values: firstToken('p90') },
            { label: 'p99', colour: 'refused', values: firstToken('p99'), dashed: true },
          ],
          duration,
          (milliseconds) => `${tick(milliseconds / 1000)} s`,
        )}
      </Panel>
      <Panel id={`queues-${id}`} title={titleOf('Requests at the server', { name })} note={note}>
        {plot(
          'Mean number of requests at the server and waiting over time',
          [
            {
              label: 'sent to the server',
              colour: 'busy',
              values: of(({ inFlight }) => inFlight),
              stack: true,
            },
            {
              label: 'waiting at the server',
              colour: 'refused',
              values: of(({ waitingAtServer }) => waitingAtServer),
            },
            {
              label: 'waiting at the gateway',
              colour: 'waiting',
              values: of(({ waitingAtGateway }) => waitingAtGateway),
              dashed: true,
            },
            ...(intervals.some(({ window }) => window !== null)
              ? [{ label: 'window', colour: 'allowed', values: of(({ window }) => window) }]
              : []),
          ],
          rate,
          tick,
        )}
      </Panel>
    </div>
  )
}

function Tenants({ server, name, id }: Pick<Side, 'name' | 'id'> & { readonly server: ServerReport }) {
  const { tenants } = server
  const total = tenants.reduce((sum, { service }) => sum + service, 0)
  const quantile = (title: string, of: 'p50' | 'p99', wideOnly = false) => ({
    title,
    value: ({ firstToken }: TenantService) => firstToken?.[of] ?? -1,
    cell: ({ firstToken }: TenantService) => (firstToken === null ? '–' : duration(firstToken[of])),
    wideOnly,
  })
  return (
    <Panel id={`tenants-${id}`} title={titleOf('Clients with the most service', { name })}>
      <SortableTable<TenantService>
        caption={`service ${name}`.trim()}
        rows={tenants}
        columns={[
          {
            title: 'Client',
            value: ({ tenant }) => tenant,
            cell: ({ tenant }) => <span class="name">{tenant}</span>,
          },
          {
            title: 'Requests',
            value: ({ requests }) => requests,
            cell: ({ requests }) => number(requests),
            wideOnly: true,
          },
          { title: 'Served', value: ({ served }) => served, cell: ({ served }) => number(served) },
          { title: 'Service', value: ({ service }) => service, cell: ({ service }) => part(service, total) },
          quantile('First token, p50', 'p50', true),
          quantile('First token, p99', 'p99'),
        ]}
      />
    </Panel>
  )
}
