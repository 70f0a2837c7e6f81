import cluster, { type Worker } from 'node:cluster'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { Store } from 'sluice'
import type { Log } from '../logging/log.js'
import type { Observer } from '../observability/observer.js'
import type { ServerLoad } from '../observability/server-load.js'
import type { StoreStats } from '../store/store-stats.js'
import { closeUnconfirmed } from './connection-handoff.js'
import { EventReceiver } from './event-receiver.js'
import { SilenceWatch } from './silence-watch.js'
import { answerCalls } from './store-server.js'
import type { FromWorker, Orders, ToWorker } from './worker-protocol.js'

export interface MemberOptions {
  readonly begin: Extract<ToWorker, { readonly kind: 'begin' }>
  /** What decides for it, where the state is in memory. */
  readonly store: Store
  readonly observer: Observer
  readonly log: Log
  /** It told what it holds of its clients. */
  readonly load: (load: ServerLoad) => void
  /** It told how a store of its own is doing. */
  readonly figures: (figures: StoreStats) => void
  /** So many lines of its log were dropped since it last reported that. */
  readonly droppedLogLines: (count: number) => void
}

/** How a process ended. */
interface Departure {
  readonly pid: number | undefined
  readonly code: number | null
  readonly signal: string | null
}

/** Beside the time for what is in flight: for a worker to say goodbye, in milliseconds. */
const GOODBYE_MS = 5000

/** For a worker to go by other orders, in milliseconds: it reads a file or two. */
const FOLLOW_MS = 30_000

/** One worker, as the primary knows it. */
export class Member {
  /** Where it listens; rejects with why it cannot. */
  readonly listening: Promise<AddressInfo>
  /** Settles when it has ended. */
  readonly departed: Promise<Departure>
  /** Whether it has listened. */
  began = false
  readonly #worker: Worker
  readonly #options: MemberOptions
  readonly #observed: EventReceiver
  /** What it begins with: the last orders from before it asked for any. */
  #begin: MemberOptions['begin']
  #isReady = false
  /** From when it listens until it is stopped or gone. */
  #silence: SilenceWatch | undefined
  #isStopping = false
  readonly #followed: (() => void)[] = []
  #listens: (address: AddressInfo) => void = () => {}
  #cannot: (error: Error) => void = () => {}

  /** Starts it. */
  constructor(options: MemberOptions) {
    this.#options = options
    this.#begin = options.begin
    this.#observed = new EventReceiver(options.observer)
    this.listening = new Promise((resolve, reject) => {
      this.#listens = resolve
      this.#cannot = reject
    })
    this.#worker = cluster.fork()
    for (const output of [this.#worker.process.stdout, this.#worker.process.stderr])
      if (output) createInterface(output).on('line', (line) => options.log.relay?.(line))
    closeUnconfirmed(this.#worker.process)
    this.#worker.on('message', (message: FromWorker) => this.#hear(message))
    this.departed = new Promise((resolve) => {
      this.#worker.once('exit', (code: number | null, signal: string | null) => {
        this.#left()
        resolve({ pid: this.#worker.process.pid, code, signal })
      })
    })
  }

  /**
   * Settles when it goes by these orders, will begin with them, or is gone. One that does not go by them in time is ended, for
   * another to take its place.
   */
  async follow(orders: Orders): Promise<void> {
    if (!this.#isReady) {
      this.#begin = { ...this.#begin, orders: { ...orders, listen: this.#begin.orders.listen } }
      return
    }
    const kill = setTimeout(() => this.#worker.process.kill('SIGKILL'), FOLLOW_MS)
    await new Promise<void>((resolve) => {
      this.#followed.push(resolve)
      if (!this.#tell({ kind: 'follow', orders })) resolve()
    })
    clearTimeout(kill)
  }

  /** Settles when it has ended, which it does in so many milliseconds and a little more. */
  async stop(patience: number): Promise<void> {
    // While it finishes what is in flight it reports nothing.
    this.#silence?.stop()
    this.#isStopping = true
    this.#tell({ kind: 'stop', patience })
    const kill = setTimeout(() => this.#worker.process.kill('SIGKILL'), patience + GOODBYE_MS)
    await this.departed
    clearTimeout(kill)
  }

  #hear(message: FromWorker): void {
    this.#silence?.heard()
    switch (message.kind) {
      case 'ready':
        this.#isReady = true
        this.#tell(this.#begin)
        break
      case 'listening':
        this.began = true
        if (!this.#isStopping) this.#silence = new SilenceWatch(() => this.#endHung())
        this.#listens(message.address)
        break
      case 'failed':
        if (this.began) this.#options.log.error({ reason: message.message }, 'a worker cannot go on')
        this.#cannot(new Error(message.message))
        break
      case 'followed':
        this.#followed.shift()?.()
        break
      case 'calls':
        answerCalls(this.#options.store, message.calls).then((answers) =>
          this.#tell({ kind: 'answers', answers }),
        )
        break
      case 'seen':
        this.#observed.saw(message.observations)
        break
      case 'load':
        this.#options.load(message.load)
        break
      case 'figures':
        this.#options.figures(message.figures)
        break
      case 'dropped':
        this.#options.droppedLogLines(message.logLines)
        break
    }
  }

  #endHung(): void {
    const { pid } = this.#worker.process
    this.#options.log.error({ pid }, 'worker hangs; starting a replacement')
    this.#worker.process.kill('SIGKILL')
  }

  #left(): void {
    this.#silence?.stop()
    this.#cannot(new Error('a worker ended before it listened'))
    for (const followed of this.#followed.splice(0)) followed()
    this.#observed.died()
  }

  /** Whether it can be told anything: a worker that is gone will be missed elsewhere. */
  #tell(message: ToWorker): boolean {
    if (!this.#worker.isConnected()) return false
    this.#worker.send(message, () => {})
    return true
  }
}
