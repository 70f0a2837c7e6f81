import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CannotRun, type Contender } from '../harness/bench.js'
import { loadOn } from '../harness/load.js'

export const CONSTANT_HEADERS = [
  ['ratelimit-policy', '"requests";q=1000000000;w=60'],
  ['ratelimit', '"requests";r=999999999;t=1'],
] as const

/** Seconds of load before the measurement, in which the server's code is compiled. */
const WARM_UP_SECONDS = 3
/** Seconds of measured load: few, so that there are many rounds and noise affects few of them. */
const MEASURED_SECONDS = 0.5
/** Rounds after which a server is replaced. */
const ROUNDS_PER_PROCESS = 4

/** The middleware before the handler. `headers` only sets two constant headers. */
export type Guard = 'sluice' | 'peer' | 'headers' | 'bare'

/**
 * Measures a server under load from another process: requests per second of the server's processor
 * time, including kernel time. That is the capacity of one core, which depends little on other load
 * on the machine.
 *
 * The server process is replaced every few rounds. Compilation and memory layout vary between
 * processes, by as much as the measured effect, but stay the same within a process.
 */
export function served(
  name: string,
  role: Contender['role'],
  framework: 'fastify' | 'express',
  guard: Guard,
): Contender {
  return {
    name,
    role,
    async start() {
      let server = await LoadedServer.start(framework, guard)
      let rounds = 0
      return {
        async measure() {
          if (rounds++ % ROUNDS_PER_PROCESS === 0 && rounds > 1) {
            server.stop()
            server = await LoadedServer.start(framework, guard)
          }
          return server.measure()
        },
        stop: () => server.stop(),
      }
    },
  }
}

class LoadedServer {
  private constructor(
    private readonly process: ChildProcess,
    private readonly url: string,
  ) {}

  static async start(framework: string, guard: Guard): Promise<LoadedServer> {
    const program = fileURLToPath(new URL(`./${framework}.js`, import.meta.url))
    const child = fork(program, [guard], { execArgv: [] })
    const server = new LoadedServer(child, `http://127.0.0.1:${await nextMessage(child)}/predict`)
    await loadOn(server.url, { duration: WARM_UP_SECONDS })
    return server
  }

  async measure(): Promise<number> {
    const before = await this.#cpuSeconds()
    const perSecond = await loadOn(this.url, { duration: MEASURED_SECONDS })
    return (perSecond * MEASURED_SECONDS) / ((await this.#cpuSeconds()) - before)
  }

  stop(): void {
    this.process.kill()
  }

  /** Returns the processor time so far, in seconds. */
  async #cpuSeconds(): Promise<number> {
    this.process.send('usage')
    const { user, system } = await nextMessage(this.process)
    return (user + system) / 1e6
  }
}

/**
 * Returns the next message of a server.
 *
 * @throws CannotRun if the server exits instead
 */
async function nextMessage(server: ChildProcess) {
  const exited = once(server, 'exit').then(([code]) => {
    throw new CannotRun(`the server exited with code ${code}`)
  })
  const [message] = await Promise.race([once(server, 'message'), exited])
  return message
}
