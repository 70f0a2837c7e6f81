import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** What a bench ran on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** In GiB. */
  readonly memory: number
  readonly node: string
  readonly platform: string
  /** Processes that wanted to run while the bench began: beyond the bench's own they make all figures noisier. */
  readonly load: number
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    load: Number(loadavg()[0]?.toFixed(1)),
  }
}
