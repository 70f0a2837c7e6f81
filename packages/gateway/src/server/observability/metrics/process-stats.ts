import { readdir, readFile } from 'node:fs/promises'
import { HistogramSeries, type Observations } from './metric.js'

/** Interval at which the delay of the event loop is measured, in milliseconds. */
const LAG_INTERVAL_MS = 20
/** Seconds. Node's timers are precise to a millisecond. */
export const LAG_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5]

/** The resources that one process of a gateway uses. Sizes are in bytes. */
export interface ProcessStats {
  readonly cpuUserSeconds: number
  readonly cpuSystemSeconds: number
  /** Epoch seconds. */
  readonly startTimeSeconds: number
  readonly residentMemory: number
  readonly heapTotal: number
  readonly heapUsed: number
  readonly external: number
  /** The delay of timers, in seconds. */
  readonly eventLoopLag: Pick<Observations, 'counts' | 'sum'>
  // The rest is known only on Linux.
  readonly virtualMemory: number | undefined
  readonly openFiles: number | undefined
  readonly maxFiles: number | undefined
}

/** Measures this process until it is stopped. */
export class ProcessMonitor {
  readonly #lag = new HistogramSeries(LAG_BUCKETS)
  readonly #timer: NodeJS.Timeout

  constructor() {
    let due = performance.now() + LAG_INTERVAL_MS
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#lag.observe(Math.max(0, now - due) / 1000)
      due = now + LAG_INTERVAL_MS
    }, LAG_INTERVAL_MS).unref()
  }

  async stats(): Promise<ProcessStats> {
    const [status, limits, files] = await Promise.all([
      readFile('/proc/self/status', 'utf8').catch(() => ''),
      readFile('/proc/self/limits', 'utf8').catch(() => ''),
      readdir('/proc/self/fd').catch(() => undefined),
    ])
    const { user, system } = process.cpuUsage()
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
    const virtualKiB = /^VmSize:\s+(\d+) kB$/m.exec(status)?.[1]
    const maxFiles = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    return {
      cpuUserSeconds: user / 1e6,
      cpuSystemSeconds: system / 1e6,
      startTimeSeconds: performance.timeOrigin / 1000,
      residentMemory: rss,
      heapTotal,
      heapUsed,
      external,
      eventLoopLag: { counts: [...this.#lag.counts], sum: this.#lag.sum },
      virtualMemory: virtualKiB === undefined ? undefined : Number(virtualKiB) * 1024,
      openFiles: files?.length,
      maxFiles: maxFiles === undefined ? undefined : Number(maxFiles),
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
