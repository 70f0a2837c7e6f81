import { type DurationQuantiles, quantilesOf } from './duration-quantiles.js'
import type { LoggedRequest, ServedLog } from './served-log.js'
import type { GoodputTarget, ServerSetup } from './server-setup.js'
import { type ServerTimeline, serverTimeline } from './server-timeline.js'
import { type ServiceGap, serviceGap } from './service-gap.js'
import { shareFairness } from './share-fairness.js'

/** What the model of a server did with the requests of a replay. */
export interface ServerReport {
  /** The name of the preset or of the file. */
  readonly name: string
  readonly requests: {
    /** Requests with tokens that arrived at the gateway. */
    readonly arrived: number
    /** Requests that were sent to the server. */
    readonly sent: number
    /** Requests that it completed. */
    readonly served: number
    /** Requests whose clients left before the first token, at the gateway and at the server. */
    readonly abandoned: number
    /** Requests that are longer than the KV cache of the server. */
    readonly tooLong: number
    /** Admitted and refused requests without recorded tokens, which never reached the server. */
    readonly withoutTokens: number
  }
  /** Time from the arrival at the gateway to the first token; null if there was none. */
  readonly firstToken: DurationQuantiles | null
  /** Mean time between the tokens of an answer; null if no answer had two. */
  readonly gap: DurationQuantiles | null
  /** Tokens of completed requests per second, from the first arrival to the last completion. */
  readonly throughput: { readonly input: number; readonly output: number }
  readonly goodput: {
    readonly target: GoodputTarget
    /** Output tokens per second of answers that reached the target. */
    readonly output: number
    readonly answers: number
  }
  /** Mean number of requests that waited. */
  readonly waiting: { readonly gateway: number; readonly server: number }
  /** How often a request lost its place in the KV cache and was computed again. */
  readonly preemptions: number
  /** Differences in service between tenants, in weighted tokens per second. */
  readonly serviceGap: ServiceGap
  /** Jain's index over the shares of tenants that wait; null if there were never two. */
  readonly shareFairness: number | null
  /** The ten tenants with the most service, and the sum of the others. */
  readonly tenants: readonly TenantService[]
  readonly timeline: ServerTimeline
}

export interface TenantService {
  readonly tenant: string
  readonly requests: number
  readonly served: number
  /** Weighted tokens of completed requests: input + 2 × output. */
  readonly service: number
  readonly firstToken: DurationQuantiles | null
}

/** What a replay counts beside its log. */
export interface ServerCounts {
  readonly preemptions: number
  readonly tooLong: number
  readonly withoutTokens: number
  /** Returns the time that requests had spent waiting in the server until a time, in milliseconds. */
  readonly queueTimeAt: (at: number) => number
  /** Returns the sum of the hand-over window until a time, in requests times milliseconds. */
  readonly windowTimeAt: ((at: number) => number) | undefined
}

/** Maximum number of tenants with figures of their own. */
const MAX_TENANTS = 10

/** @param origin milliseconds since the epoch at time 0 of the log */
export function serverReport(
  { name, goodput: target }: Pick<ServerSetup, 'name' | 'goodput'>,
  log: ServedLog,
  counts: ServerCounts,
  origin: number,
): ServerReport {
  const sums = { sent: 0, served: 0, abandoned: 0, input: 0, output: 0, good: 0, goodAnswers: 0, queued: 0 }
  const firstTokens: number[] = []
  const gaps: number[] = []
  let from = Number.POSITIVE_INFINITY
  let to = 0
  for (const request of log) {
    const { arrivedAt, decidedAt, sentAt, beganAt, endedAt, input, output } = request
    from = Math.min(from, arrivedAt)
    to = Math.max(to, endedAt ?? decidedAt)
    sums.queued += decidedAt - arrivedAt
    if (sentAt !== undefined) sums.sent++
    if (beganAt === undefined) {
      if (endedAt !== undefined) sums.abandoned++
      continue
    }
    firstTokens.push(beganAt - arrivedAt)
    if (endedAt === undefined) continue
    sums.served++
    sums.input += input
    sums.output += output
    const gap = gapOf(request)
    if (gap !== undefined) gaps.push(gap)
    if (beganAt - arrivedAt > target.firstTokenMs || (gap ?? 0) > target.gapMs) continue
    sums.goodAnswers++
    sums.good += output
  }
  if (log.length === 0) from = 0
  const span = Math.max(1, to - from)
  const perSecond = (tokens: number) => (tokens / span) * 1000
  const tenants = tenantsOf(log)
  return {
    name,
    requests: {
      ...{ arrived: log.length, sent: sums.sent, served: sums.served, abandoned: sums.abandoned },
      ...{ tooLong: counts.tooLong, withoutTokens: counts.withoutTokens },
    },
    firstToken: quantilesOf(firstTokens),
    gap: quantilesOf(gaps),
    throughput: { input: perSecond(sums.input), output: perSecond(sums.output) },
    goodput: { target, output: perSecond(sums.good), answers: sums.goodAnswers },
    waiting: { gateway: sums.queued / span, server: counts.queueTimeAt(to) / span },
    preemptions: counts.preemptions,
    serviceGap: serviceGap(log, from),
    shareFairness: shareFairness(log, from, to) ?? null,
    tenants,
    timeline: serverTimeline(log, {
      from,
      to,
      origin,
      tenants: tenants.map(({ tenant }) => tenant),
      queueTimeAt: counts.queueTimeAt,
      windowTimeAt: counts.windowTimeAt,
    }),
  }
}

/** Returns the mean time between the tokens of a complete answer; undefined if it had fewer than two. */
function gapOf({ beganAt, endedAt, output }: LoggedRequest): number | undefined {
  if (beganAt === undefined || endedAt === undefined || output < 2) return undefined
  return (endedAt - beganAt) / (output - 1)
}

interface TenantSums {
  requests: number
  served: number
  service: number
  readonly firstTokens: number[]
}

function tenantsOf(log: ServedLog): TenantService[] {
  const sums = new Map<string, TenantSums>()
  for (const { tenant, arrivedAt, beganAt, endedAt, service } of log) {
    let own = sums.get(tenant)
    if (own === undefined) {
      own = { requests: 0, served: 0, service: 0, firstTokens: [] }
      sums.set(tenant, own)
    }
    own.requests++
    if (beganAt !== undefined) own.firstTokens.push(beganAt - arrivedAt)
    if (beganAt === undefined || endedAt === undefined) continue
    own.served++
    own.service += service
  }
  const ranked = [...sums].sort(([, one], [, other]) => other.service - one.service)
  const rows = ranked.slice(0, MAX_TENANTS).map(([tenant, own]) => tenantOf(tenant, own))
  const others = ranked.slice(MAX_TENANTS).map(([, own]) => own)
  if (others.length === 0) return rows
  const all: TenantSums = { requests: 0, served: 0, service: 0, firstTokens: [] }
  for (const own of others) {
    all.requests += own.requests
    all.served += own.served
    all.service += own.service
    for (const time of own.firstTokens) all.firstTokens.push(time)
  }
  return [...rows, tenantOf(`(${others.length} others)`, all)]
}

function tenantOf(tenant: string, { firstTokens, ...sums }: TenantSums): TenantService {
  return { tenant, ...sums, firstToken: quantilesOf(firstTokens) }
}
