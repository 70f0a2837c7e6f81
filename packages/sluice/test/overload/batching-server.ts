import type { HandOverWindow, SentRequest } from '../../src/overload/hand-over-window.js'

/** A model server, as far as its queue matters. All times are milliseconds. */
export interface ServerFigures {
  /** Responses that one replica produces at a time. */
  readonly slots: number
  readonly replicas?: number
  /** The time in which a replica reads an input. It reads one input at a time. */
  readonly prefillMs: number
  /** The time per output token. @param running requests in the slots of the replica */
  readonly gapMs: (running: number) => number
  /** The server rejects requests while this many wait in it. Default: none. */
  readonly maxQueued?: number
}

export interface Request {
  readonly at: number
  readonly input: number
  /** Output that is shown. */
  readonly output: number
  /** Output that is produced before anything is shown. */
  readonly hidden: number
  readonly isStream: boolean
  readonly hasUsage: boolean
}

/** What happened in one interval of the run. */
interface Interval {
  /** Output tokens per second, hidden ones included, of responses that ended. */
  readonly throughput: number
  /** Requests in the server that it has not begun to read, on average over time. */
  readonly serverQueue: number
  readonly begun: number
}

export interface Run {
  readonly intervals: readonly Interval[]
  readonly rejected: number
  /** The mean time per output token of each response, by when it ended. */
  readonly gaps: readonly { readonly at: number; readonly gapMs: number }[]
  readonly maxInFlight: number
}

/** A response reports its output after this many tokens. */
const REPORTED_TOKENS = 32

interface Flight {
  readonly request: Request
  readonly sent: SentRequest | undefined
  begunAt: number
}

interface Replica {
  readonly queue: Flight[]
  running: number
  isReading: boolean
}

interface Event {
  readonly at: number
  readonly act: () => void
}

export interface RunOptions {
  readonly server: ServerFigures
  /** Undefined: each request is sent when it arrives. */
  readonly window: HandOverWindow | undefined
  readonly requests: readonly Request[]
  readonly durationMs: number
  readonly intervalMs: number
  /** How often the window receives the server's own metrics. Default: never. */
  readonly metricsEveryMs?: number
}

/**
 * Sends requests to a server in the order in which they arrive, as soon as the window is open, in
 * virtual time. Rejected requests go back to the head of the line.
 */
export function run({ server, window, requests, durationMs, intervalMs, metricsEveryMs }: RunOptions): Run {
  const replicas: Replica[] = Array.from({ length: server.replicas ?? 1 }, () => ({
    queue: [],
    running: 0,
    isReading: false,
  }))
  const events = new EventQueue()
  const line: Request[] = []
  const count = Math.ceil(durationMs / intervalMs)
  const totals = Array.from({ length: count }, () => ({ output: 0, queueTime: 0, begun: 0 }))
  const gaps: { at: number; gapMs: number }[] = []
  let [now, rejected, inFlight, maxInFlight, wakeAt] = [0, 0, 0, 0, Number.POSITIVE_INFINITY]
  const total = () => totals[Math.min(count - 1, Math.floor(now / intervalMs))] as (typeof totals)[number]

  const start = (replica: Replica): void => {
    if (replica.isReading || replica.running >= server.slots) return
    const flight = replica.queue.shift()
    if (flight === undefined) return
    replica.isReading = true
    replica.running++
    after((server.prefillMs * flight.request.input) / 1_000, () => {
      replica.isReading = false
      const gapMs = server.gapMs(replica.running)
      after(gapMs * (1 + flight.request.hidden), () => begin(flight, replica))
      start(replica)
    })
  }
  const begin = (flight: Flight, replica: Replica): void => {
    flight.begunAt = now
    total().begun++
    const { output, isStream } = flight.request
    if (isStream && flight.sent !== undefined) window?.began(flight.sent, now)
    const next = (written: number): void => {
      if (written >= output) {
        end(flight, replica)
        return
      }
      const tokens = Math.min(REPORTED_TOKENS, output - written)
      after(tokens * server.gapMs(replica.running), () => {
        if (isStream && flight.sent !== undefined) window?.wrote(flight.sent, now, written + tokens)
        next(written + tokens)
      })
    }
    next(1)
  }
  const end = ({ request, sent, begunAt }: Flight, replica: Replica): void => {
    const { output, hidden, isStream, hasUsage } = request
    inFlight--
    replica.running--
    total().output += output + hidden
    if (output > 1) gaps.push({ at: now, gapMs: (now - begunAt) / (output - 1) })
    if (sent !== undefined)
      window?.ended(sent, now, {
        isStream,
        output: hasUsage ? output + hidden : undefined,
        visibleOutput: output,
      })
    start(replica)
  }
  const send = (request: Request): void => {
    const sent = window?.sent(now, request.input, request.isStream)
    inFlight++
    maxInFlight = Math.max(maxInFlight, inFlight)
    const replica = replicas.reduce((least, each) =>
      each.queue.length + each.running < least.queue.length + least.running ? each : least,
    )
    if (replica.queue.length < (server.maxQueued ?? Number.POSITIVE_INFINITY)) {
      replica.queue.push({ request, sent, begunAt: 0 })
      start(replica)
      return
    }
    rejected++
    after(5, () => {
      inFlight--
      if (sent !== undefined) window?.rejected(sent, now, 'overloaded')
      line.unshift(request)
    })
  }
  const sendOpen = (): void => {
    while (line.length > 0 && (window === undefined || window.isOpen(now))) send(line.shift() as Request)
    if (line.length === 0 || window === undefined) return
    const next = window.nextChangeAt(now)
    if (next === undefined || (wakeAt > now && wakeAt <= next)) return
    wakeAt = next
    events.add({ at: next, act: () => {} })
  }
  const after = (milliseconds: number, act: () => void) => events.add({ at: now + milliseconds, act })

  const arrive = (index: number): void => {
    const request = requests[index]
    if (request === undefined) return
    const act = () => {
      line.push(request)
      arrive(index + 1)
    }
    events.add({ at: request.at, act })
  }
  arrive(0)
  const report = (): void => {
    const waiting = replicas.reduce((sum, { queue }) => sum + queue.length, 0)
    window?.onLoad({ waiting, memoryUsed: undefined }, now)
    after(metricsEveryMs as number, report)
  }
  if (metricsEveryMs !== undefined) report()
  for (
    let event = events.takeNext();
    event !== undefined && event.at < durationMs;
    event = events.takeNext()
  ) {
    const queued = replicas.reduce((sum, { queue }) => sum + queue.length, 0)
    total().queueTime += queued * (event.at - now)
    now = event.at
    event.act()
    sendOpen()
  }
  const intervals = totals.map(({ output, queueTime, begun }) => ({
    throughput: (1_000 * output) / intervalMs,
    serverQueue: queueTime / intervalMs,
    begun,
  }))
  return { intervals, rejected, gaps, maxInFlight }
}

/** Events by time; those of one moment in the order in which they were added. */
class EventQueue {
  /** Sorted, the earliest last. */
  readonly #events: Event[] = []

  add(event: Event): void {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle] as Event).at > event.at) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, event)
  }

  takeNext(): Event | undefined {
    return this.#events.pop()
  }
}
