import { request as httpRequest } from 'node:http'
import { until } from '../../packages/sluice/test/stores/servers/redis.js'
import type { GatewayFleet, GatewayProcess } from './gateway-fleet.js'
import { TOKEN_TEXT } from './metered-model.js'
import type { PricedCall, PricedCalls } from './priced-calls.js'
import type { Random } from './random.js'

/** The outcome of a call, as its client saw it. */
interface SentCall {
  readonly call: PricedCall
  readonly gateway: GatewayProcess
  readonly outcome: 'complete' | 'refused' | 'broken'
}

/** Refusals in succession after which a client gives up. */
const MAX_REFUSALS = 3

/** Clients of each gateway that send their first call at the same time. */
const RAMP = 20

/** The model as the clients see it. */
interface Observed {
  readonly open: number
  onReceived(id: number, tokens: number): void
}

/** Clients that send one call after the other until the limit refuses them. */
export class SpendingClients {
  readonly sent: SentCall[] = []
  /** The last call of each client that a gateway completed, and may not have settled. */
  readonly #lastComplete = new Map<number, SentCall>()

  constructor(
    private readonly fleet: GatewayFleet,
    private readonly calls: PricedCalls,
    private readonly register: (call: PricedCall) => void,
    private readonly model: Observed,
    private readonly random: Random,
  ) {}

  /**
   * Opens a stream for each client, while the model is held. Returns a function that lets them send
   * calls until every one has been refused several times in succession.
   */
  async open(perGateway: number): Promise<() => Promise<void>> {
    const gateways = [...this.fleet.running]
    const clients: Promise<void>[] = []
    for (let each = 0; each < perGateway; each++) {
      for (const gateway of gateways) clients.push(this.#run(clients.length, gateway))
      // One after the other on a busy machine, where a gateway could lose its store otherwise.
      if ((each + 1) % RAMP === 0 || each + 1 === perGateway)
        await Promise.race([
          Promise.all(clients),
          until(async () => this.model.open === clients.length, 600_000),
        ])
    }
    return async () => void (await Promise.all(clients))
  }

  /**
   * Calls that a killed gateway may have charged with more than they used: it may have reserved them,
   * and may have been killed before it settled them.
   */
  get uncertain(): readonly PricedCall[] {
    const broken = this.sent.filter(({ outcome }) => outcome === 'broken')
    const unsettled = [...this.#lastComplete.values()].filter(({ gateway }) => gateway.isKilled)
    return [...broken, ...unsettled, ...this.#abandoned].map(({ call }) => call)
  }

  /** The last complete call of a client on a gateway that was killed before it answered the next. */
  readonly #abandoned: SentCall[] = []

  async #run(client: number, home: GatewayProcess): Promise<void> {
    let gateway = home
    let refusals = 0
    while (refusals < MAX_REFUSALS) {
      if (gateway.isKilled) {
        const last = this.#lastComplete.get(client)
        if (last !== undefined) this.#abandoned.push(last)
        this.#lastComplete.delete(client)
        gateway = this.random.pick(this.fleet.running)
      }
      const call = this.calls.next()
      this.register(call)
      const sent = { call, gateway, outcome: await this.#send(gateway, call) }
      this.sent.push(sent)
      refusals = sent.outcome === 'refused' ? refusals + 1 : 0
      if (sent.outcome === 'complete') this.#lastComplete.set(client, sent)
    }
  }

  /** @throws Error for a response that is neither a complete stream nor a refusal */
  #send({ url, agent }: GatewayProcess, call: PricedCall): Promise<SentCall['outcome']> {
    const body = JSON.stringify({
      model: call.prices.name,
      prompt: 'x'.repeat(call.promptBytes),
      max_tokens: call.maxOutput,
      stream: true,
    })
    const headers = { 'content-type': 'application/json', 'x-call': String(call.id) }
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${url}/v1/completions`, { method: 'POST', agent, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text = (text + part).slice(-1000)
          this.model.onReceived(call.id, part.split(TOKEN_TEXT).length - 1)
        })
        response
          .once('error', () => {})
          .once('close', () => {
            const status = response.statusCode ?? 0
            if (response.complete && status === 429) resolve('refused')
            else if (response.complete && status === 200 && text.endsWith('data: [DONE]\n\n'))
              resolve('complete')
            else if (!response.complete) resolve('broken')
            else reject(new Error(`${status} instead of a stream: ${text}`))
          })
      })
      request.once('error', () => resolve('broken'))
      request.end(body)
    })
  }
}
