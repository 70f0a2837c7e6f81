import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Contender } from '../harness/bench.js'
import { loadOn } from '../harness/load.js'

export const CONSTANT_FIELDS = [
  ['ratelimit-policy', '"requests";q=1000000000;w=60'],
  ['ratelimit', '"requests";r=999999999;t=1'],
] as const

/** Short, so that rounds can be many: what disturbs one does not disturb them all. */
const LOAD = { duration: 0.5 }

/** What stands between a request and its handler; `fields` decides nothing and sets two constant fields. */
export type Guard = 'sluice' | 'peer' | 'fields' | 'bare'

/**
 * A server in a process of its own, under the load of another: requests a second of the processor time that the server takes. That is what
 * one core can serve, and what else runs on the machine disturbs it least.
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
      const server = fork(fileURLToPath(new URL(`./${framework}.js`, import.meta.url)), [guard], {
        execArgv: [],
      })
      const [port] = await once(server, 'message')
      /** The processor time so far, in seconds. */
      const used = async () => {
        server.send('used')
        const [{ user, system }] = await once(server, 'message')
        return (user + system) / 1e6
      }
      return {
        async measure() {
          const before = await used()
          const answered = await loadOn(`http://127.0.0.1:${port}/predict`, LOAD)
          return (answered * LOAD.duration) / ((await used()) - before)
        },
        stop: () => void server.kill(),
      }
    },
  }
}
