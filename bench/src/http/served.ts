import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CannotRun, type Contender } from '../harness/bench.js'
import { loadOn } from '../harness/load.js'

export const CONSTANT_FIELDS = [
  ['ratelimit-policy', '"requests";q=1000000000;w=60'],
  ['ratelimit', '"requests";r=999999999;t=1'],
] as const

/** Seconds of load that is not measured, until the server's code is compiled. */
const WARM_UP = 3
/** Seconds of load that is. Short, so that rounds can be many: what disturbs one does not disturb them all. */
const MEASURED = 0.5
/** How often a server is measured until another takes its place. */
const ROUNDS_OF_ONE = 4

/** What stands between a request and its handler; `fields` decides nothing and sets two constant fields. */
export type Guard = 'sluice' | 'peer' | 'fields' | 'bare'

/**
 * A server in a process of its own, under the load of another: requests a second of the processor time that the server takes, the kernel's part for
 * it included. That is what one core can serve, and what else runs on the machine disturbs it least.
 *
 * Every few rounds another process takes its place. How code gets compiled and where things come to lie is a process's luck for as long as it runs,
 * and worth as much as what is measured here: rounds of one process agree with each other, and not with those of the next.
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
          if (rounds++ % ROUNDS_OF_ONE === 0 && rounds > 1) {
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
    const server = new LoadedServer(child, `http://127.0.0.1:${await told(child)}/predict`)
    await loadOn(server.url, { duration: WARM_UP })
    return server
  }

  async measure(): Promise<number> {
    const before = await this.#used()
    const aSecond = await loadOn(this.url, { duration: MEASURED })
    return (aSecond * MEASURED) / ((await this.#used()) - before)
  }

  stop(): void {
    this.process.kill()
  }

  /** The processor time so far, in seconds. */
  async #used(): Promise<number> {
    this.process.send('used')
    const { user, system } = await told(this.process)
    return (user + system) / 1e6
  }
}

/** What a server says next. @throws CannotRun where it ends instead. */
async function told(server: ChildProcess) {
  const ended = once(server, 'exit').then(([code]) => {
    throw new CannotRun(`the server ended with ${code}`)
  })
  const [message] = await Promise.race([once(server, 'message'), ended])
  return message
}
