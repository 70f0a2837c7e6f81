import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { PricedCall } from './priced-calls.js'
import type { Random } from './random.js'

/** A call that reached the model. */
export interface ServedCall {
  readonly call: PricedCall
  /** Output tokens that were sent. */
  output: number
  /** Those of them that the client received. */
  received: number
  state: 'open' | 'ended' | 'cut'
}

/** The text of each token: a character that occurs nowhere else in a response. */
export const TOKEN_TEXT = '~'

interface OpenStream {
  readonly served: ServedCall
  readonly response: ServerResponse
}

/** Streams that write an event before the model lets other events of the process happen. */
const PER_TURN = 32

/** Tokens on the way to clients. With more, gateways on a busy machine would fall behind by seconds. */
const MAX_UNDER_WAY = 400

/**
 * A model that streams one token per event, and logs what each call has used. Random streams take
 * turns, so they end in no particular order.
 */
export class MeteredModel {
  /** Every call that arrived. */
  readonly served = new Map<number, ServedCall>()
  readonly #open: OpenStream[] = []
  readonly #calls: ReadonlyMap<number, PricedCall>
  readonly #random: Random
  readonly #server: Server
  readonly #onToken: (sent: number) => void
  #sent = 0
  #underWay = 0
  #isHeld = true
  #isWriting = false
  #maxOpen = 0

  private constructor(
    calls: ReadonlyMap<number, PricedCall>,
    random: Random,
    onToken: (sent: number) => void,
  ) {
    this.#calls = calls
    this.#random = random
    this.#onToken = onToken
    this.#server = createServer((request, response) => this.#serve(request, response))
  }

  /**
   * Starts a model, which stops after the test. It sends nothing until `release`.
   *
   * @param calls the calls that will arrive, by their ID
   * @param onToken called with the number of tokens so far after each turn
   */
  static async start(
    calls: ReadonlyMap<number, PricedCall>,
    random: Random,
    onToken: (sent: number) => void,
  ): Promise<MeteredModel> {
    const model = new MeteredModel(calls, random, onToken)
    model.#server.listen(0, '127.0.0.1')
    await once(model.#server, 'listening')
    // Otherwise the model could close an idle connection while a request arrives.
    model.#server.keepAliveTimeout = 600_000
    onTestFinished(() => {
      model.#server.closeAllConnections()
      model.#server.close()
    })
    return model
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Streams that are open now, and the most that ever were. */
  get open(): number {
    return this.#open.length
  }

  get maxOpen(): number {
    return this.#maxOpen
  }

  /** Starts to answer. */
  release(): void {
    this.#isHeld = false
    this.#write()
  }

  /** Tells the model that the client of a call has received tokens. */
  onReceived(id: number, tokens: number): void {
    const served = this.served.get(id)
    if (served === undefined || served.state === 'cut') return
    served.received += tokens
    this.#underWay -= tokens
    this.#write()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const call = this.#calls.get(Number(request.headers['x-call']))
    if (call === undefined || this.served.has(call.id)) {
      response.writeHead(500).end(`the call ${request.headers['x-call']} is unknown, or was sent twice`)
      return
    }
    const served: ServedCall = { call, output: 0, received: 0, state: 'open' }
    this.served.set(call.id, served)
    response
      .on('error', () => {})
      .once('close', () => {
        if (served.state !== 'open') return
        served.state = 'cut'
        this.#underWay -= served.output - served.received
        this.#write()
      })
    request.resume()
    request.once('end', () => {
      if (served.state === 'cut') return
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      this.#open.push({ served, response })
      this.#maxOpen = Math.max(this.#maxOpen, this.#open.length)
      this.#write()
    })
  }

  #write(): void {
    if (this.#isHeld || this.#isWriting) return
    this.#isWriting = true
    setImmediate(() => {
      this.#isWriting = false
      for (let turn = 0; turn < PER_TURN && this.#canWrite(); turn++) this.#writeOne()
      this.#onToken(this.#sent)
      if (this.#canWrite()) this.#write()
    })
  }

  #canWrite(): boolean {
    return this.#open.length > 0 && this.#underWay < MAX_UNDER_WAY
  }

  #writeOne(): void {
    const index = this.#random.below(this.#open.length)
    const { served, response } = this.#open[index] as OpenStream
    const { input, output } = served.call
    if (served.state === 'open' && served.output < output) {
      served.output++
      this.#sent++
      this.#underWay++
      response.write(eventOf({ choices: [{ index: 0, text: TOKEN_TEXT }] }))
      return
    }
    if (served.state === 'open') {
      served.state = 'ended'
      const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
      response.end(`${eventOf({ choices: [], usage })}data: [DONE]\n\n`)
    }
    const last = this.#open.pop() as OpenStream
    if (index < this.#open.length) this.#open[index] = last
  }
}

function eventOf(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
