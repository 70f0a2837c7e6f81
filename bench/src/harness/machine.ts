import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** The machine on which a benchmark ran. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  /** Memory in GiB. */
  readonly memory: number
  readonly node: string
  readonly platform: string
  /** Load average at the start. Other processes make the figures noisier. */
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
