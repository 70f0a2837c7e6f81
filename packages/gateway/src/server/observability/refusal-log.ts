import type { LimiterEvent } from 'sluice'
import { clientLabel } from '../../policy/client-label.js'
import type { LogConfig } from '../../policy/config/config.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Log } from '../logging/log.js'
import { clientRedactor } from './client-redaction.js'
import { SpaceSaving } from './metrics/space-saving.js'
import type { Observer } from './observer.js'

/** Refusals of a second that have a line each; the others are summed up in one. */
const LINES_A_SECOND = 10
const SECOND = 1000
/** What a summary names, at most. */
const RULES_NAMED = 10
const CLIENTS_NAMED = 5
const PAIRS_NAMED = 5
/** Counters to find those clients, and pairs of a client and a rule, with. */
const COUNTERS = 100

type Refused = LimiterEvent<RequestSender> & { readonly type: 'refused' }

export interface RefusalLogOptions {
  readonly log: Pick<Log, 'warn'>
  /** Default: Node's timer, which keeps no process alive. @returns what calls it off */
  readonly after?: (milliseconds: number, call: () => void) => () => void
}

/** Logs who was refused, by which rule and until when: a bounded number of lines a second, however many are refused. */
export class RefusalLog implements Partial<Observer> {
  readonly #log: RefusalLogOptions['log']
  readonly #after: NonNullable<RefusalLogOptions['after']>
  #config: LogConfig
  #nameOf: (client: string) => string
  #lines = 0
  #more = new Untold()
  /** Ends the second; undefined while nobody is refused. */
  #callOff: (() => void) | undefined

  constructor(config: LogConfig, { log, after = afterUnheld }: RefusalLogOptions) {
    this.#config = config
    this.#nameOf = clientRedactor(config.clients)
    this.#log = log
    this.#after = after
  }

  /** Goes on as another configuration says. */
  configure(config: LogConfig): void {
    if (config.clients !== this.#config.clients) this.#nameOf = clientRedactor(config.clients)
    this.#config = config
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    if (event.type === 'refused' && this.#config.refusals) this.#refused(route, event)
  }

  #refused(route: string, { request, refusal, client: known }: Refused): void {
    const client = clientLabel(request)
    this.#callOff ??= this.#after(SECOND, () => this.#endSecond())
    const { rule, reason, resource, cost, remaining, retryAfter } = refusal
    if (this.#lines >= LINES_A_SECOND) {
      this.#more.add([route, rule, reason], client)
      return
    }
    this.#lines++
    this.#log.warn(
      {
        ...{ route, rule, reason, resource },
        client: this.#nameOf(client),
        ...(known?.tier !== undefined && { tier: known.tier.slice(0, 64) }),
        ...{ cost, remaining },
        // A request that can never be let in need not come back.
        ...(Number.isFinite(retryAfter) && { retryAfterMs: Math.ceil(retryAfter) }),
      },
      'a request was refused',
    )
  }

  /** Tells what is untold. */
  close(): void {
    this.#callOff?.()
    this.#endSecond()
  }

  #endSecond(): void {
    const more = this.#more
    this.#callOff = undefined
    this.#lines = 0
    if (more.count === 0) return
    this.#more = new Untold()
    const clients = more.topClients().map(({ client, count }) => ({ client: this.#nameOf(client), count }))
    const message = `${more.count.toLocaleString('en-US')} more in the last second`
    const heaviest = more.heaviest().map((each) => ({ ...each, client: this.#nameOf(each.client) }))
    this.#log.warn({ more: more.count, heaviest, rules: more.topRules(), clients }, message)
  }
}

type Cause = readonly [route: string, rule: string, reason: string]

/** Refusals that have no line of their own. */
class Untold {
  count = 0
  readonly #causes = new Map<string, { readonly cause: Cause; count: number }>()
  readonly #clients = new SpaceSaving(COUNTERS)
  /** Of a client, a route and a rule, as JSON. */
  readonly #pairs = new SpaceSaving(COUNTERS)

  add(cause: Cause, client: string): void {
    this.count++
    this.#clients.add(client)
    this.#pairs.add(JSON.stringify([client, cause[0], cause[1]]))
    const id = cause.join('\n')
    const known = this.#causes.get(id)
    if (known === undefined) this.#causes.set(id, { cause, count: 1 })
    else known.count++
  }

  topRules() {
    const top = [...this.#causes.values()].sort((a, b) => b.count - a.count).slice(0, RULES_NAMED)
    return top.map(({ cause: [route, rule, reason], count }) => ({ route, rule, reason, count }))
  }

  /** Which client was refused where: the pairs of a client and a rule that were refused most for sure, with how often at least. */
  heaviest() {
    return topOf(this.#pairs, PAIRS_NAMED).map(({ key, count }) => {
      const [client, route, rule] = JSON.parse(key) as [string, string, string]
      return { client, route, rule, count }
    })
  }

  /** Those who were refused most for sure, with how often at least. */
  topClients() {
    return topOf(this.#clients, CLIENTS_NAMED).map(({ key, count }) => ({ client: key, count }))
  }
}

/** The keys that were counted most for sure, with how often at least. */
function topOf(counters: SpaceSaving, most: number): { readonly key: string; readonly count: number }[] {
  const counted = counters.keys.map((key) => {
    const { count, error } = counters.countOf(key)
    return { key, count: Math.max(1, count - error) }
  })
  return counted.sort((a, b) => b.count - a.count).slice(0, most)
}

function afterUnheld(milliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, milliseconds)
  timer.unref()
  return () => clearTimeout(timer)
}
