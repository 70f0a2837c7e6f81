import cluster from 'node:cluster'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Store } from 'sluice'
import type { Endpoint } from '../../policy/config/config.js'
import type { Log } from '../logging/log.js'
import type { Observer } from '../observability/observer.js'
import { exitedWorkerLoad, NO_LOAD, type ServerLoad, summedLoad } from '../observability/server-load.js'
import type { Runtime } from '../runtime.js'
import { exitedWorkerStats, type StoreStats, summedStats } from '../store/store-stats.js'
import type { Frontend } from './frontend.js'
import { Member } from './worker-handle.js'
import type { Orders } from './worker-protocol.js'

export interface WorkerFrontendOptions {
  readonly serving: Runtime
  /** What decides for all of them, where the state is in memory. */
  readonly store: Store
  readonly observer: Observer
  /** Whether anybody looks at what they do. */
  readonly observed: boolean
  readonly log: Log
}

/** How long to wait before another worker takes the place of one that died, in milliseconds; twice as long each time it dies soon. */
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 10_000
/** Who lives so long did not die soon. */
const SETTLED_MS = 10_000

const PROGRAM = fileURLToPath(new URL('./worker-main.js', import.meta.url))

/**
 * Takes requests in as many processes as the configuration says. The state in memory is this process's, so that all of them
 * together admit what one would. A worker that dies is replaced; what its requests held is free after a lease.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export async function workerFrontend(options: WorkerFrontendOptions): Promise<Frontend> {
  // Workers have a standard error of their own, which the primary relays: at its start and at its end, a process makes the
  // descriptor that it shares with others blocking.
  cluster.setupPrimary({ exec: PROGRAM, args: [], serialization: 'advanced', silent: true })
  const crew = new Crew(options)
  try {
    const address = await crew.start()
    return {
      address,
      follow: (serving) => crew.follow(serving),
      close: (patience) => crew.close(patience),
      load: () => crew.load(),
      figures: () => crew.figures(),
      get droppedLogLines() {
        return crew.droppedLogLines
      },
    }
  } catch (error) {
    await crew.close(0)
    throw error
  }
}

/** The workers there are. */
class Crew {
  readonly #options: WorkerFrontendOptions
  readonly #members = new Set<Member>()
  /** Of stores of their own. */
  readonly #figures = new Map<Member, StoreStats>()
  /** What those that are gone have counted: it stays counted. */
  readonly #departed: StoreStats[] = []
  readonly #loads = new Map<Member, ServerLoad>()
  #departedLoad = NO_LOAD
  #droppedLogLines = 0
  /**
   * Those that were told to listen at any port. Node finds the socket that workers share by the port they ask for, so that a
   * replacement asks for any port as long as one of these holds it.
   */
  readonly #atAnyPort = new Set<Member>()
  #startFailure: string | undefined
  #listen: Endpoint
  #orders: Orders
  #delay = FIRST_DELAY_MS
  /** Until others take the places of those that died. */
  readonly #delays = new Set<NodeJS.Timeout>()
  #stopping = false

  constructor(options: WorkerFrontendOptions) {
    this.#options = options
    this.#listen = options.serving.config.listen
    this.#orders = ordersOf(options.serving, this.#listen)
  }

  /** Starts all of them. Rejects with why one of them cannot. */
  async start(): Promise<AddressInfo> {
    const { workers } = this.#options.serving.config
    const addresses = await Promise.all(Array.from({ length: workers }, () => this.#hire().listening))
    const [address] = addresses as [AddressInfo]
    // Where any port would do, this one is kept from now on.
    this.#listen = { ...this.#listen, port: address.port }
    this.#orders = { ...this.#orders, listen: this.#listen }
    return address
  }

  load(): ServerLoad {
    return summedLoad([this.#departedLoad, ...this.#loads.values()])
  }

  figures(): readonly StoreStats[] {
    return [...this.#departed, ...this.#figures.values()]
  }

  get droppedLogLines(): number {
    return this.#droppedLogLines
  }

  async follow(serving: Runtime): Promise<void> {
    this.#orders = ordersOf(serving, this.#listen)
    await Promise.all([...this.#members].map((member) => member.follow(this.#orders)))
  }

  async close(patience: number): Promise<void> {
    this.#stopping = true
    for (const delay of this.#delays) clearTimeout(delay)
    await Promise.all([...this.#members].map((member) => member.stop(patience)))
  }

  #hire(): Member {
    const { serving, observed, log, store, observer } = this.#options
    const { workers } = serving.config
    const port = this.#atAnyPort.size > 0 ? 0 : this.#listen.port
    const orders = { ...this.#orders, listen: { ...this.#listen, port } }
    const member: Member = new Member({
      ...{ store, observer, log },
      begin: { kind: 'begin', orders, workers, observed },
      load: (load) => this.#loads.set(member, load),
      figures: (figures) => this.#figures.set(member, figures),
      droppedLogLines: (count) => {
        this.#droppedLogLines += count
      },
    })
    this.#members.add(member)
    if (port === 0) this.#atAnyPort.add(member)
    const born = performance.now()
    // Told by whoever waits for it.
    member.listening.catch(() => {})
    member.departed.then((how) => {
      this.#members.delete(member)
      this.#atAnyPort.delete(member)
      const load = this.#loads.get(member)
      this.#loads.delete(member)
      if (load !== undefined) this.#departedLoad = summedLoad([this.#departedLoad, exitedWorkerLoad(load)])
      const figures = this.#figures.get(member)
      this.#figures.delete(member)
      if (figures !== undefined)
        this.#departed.splice(0, 1, summedStats([...this.#departed, exitedWorkerStats(figures)]))
      if (member.began) this.#missed(how, performance.now() - born)
    })
    return member
  }

  #missed(how: object, lived: number): void {
    if (!this.#stopping) this.#options.log.error(how, 'a worker died; another one takes its place')
    this.#replace(lived)
  }

  #replace(lived: number): void {
    if (this.#stopping) return
    this.#delay = lived > SETTLED_MS ? FIRST_DELAY_MS : Math.min(this.#delay * 2, MAX_DELAY_MS)
    const delay = setTimeout(() => {
      this.#delays.delete(delay)
      const member = this.#hire()
      member.listening.then(
        ({ port }) => this.#started(member, port),
        (error: Error) => this.#cannotStart(error),
      )
    }, this.#delay)
    this.#delays.add(delay)
  }

  #started(member: Member, port: number): void {
    this.#startFailure = undefined
    // The last that held the port ended while this one started, so that it got another one.
    if (port !== this.#listen.port) void member.stop(0)
  }

  #cannotStart({ message }: Error): void {
    if (!this.#stopping && message !== this.#startFailure)
      this.#options.log.error({ reason: message }, 'a replacement for a worker cannot start; trying again')
    this.#startFailure = message
    this.#replace(0)
  }
}

function ordersOf(serving: Runtime, listen: Endpoint): Orders {
  const { config, overrides, gatewayName, keysText } = serving
  const { source, upstream } = config
  return { source, listen, upstream, overrides, gatewayName, keys: keysText }
}
