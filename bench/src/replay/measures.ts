import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender } from '../harness/bench.js'
import type { Replayed } from './replay-process.js'
import { writeTrace } from './trace.js'

/** Selects the figure of a replay. */
type FigureOf = (replayed: Replayed) => number

export const SECONDS: FigureOf = ({ seconds }) => seconds
export const REQUESTS_PER_SECOND: FigureOf = ({ requests, seconds }) => requests / seconds
export const MEBIBYTES: FigureOf = ({ mebibytes }) => mebibytes

const PROCESS = fileURLToPath(new URL('./replay-process.js', import.meta.url))

/** Measures the replay of a trace with the given number of requests. */
export function replayed(name: string, requests: number, figureOf: FigureOf): Contender {
  return {
    name,
    role: 'ours',
    async start() {
      const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
      const file = join(folder, 'trace.csv')
      await writeTrace(file, requests)
      return {
        measure() {
          const { status, stdout } = spawnSync(process.execPath, [PROCESS, file], {
            stdio: ['ignore', 'pipe', 'inherit'],
            encoding: 'utf8',
          })
          if (status !== 0) throw new Error(`the replay exited with code ${status}`)
          return figureOf(JSON.parse(stdout) as Replayed)
        },
        stop: () => rm(folder, { recursive: true }),
      }
    },
  }
}
