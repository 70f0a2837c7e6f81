import type { Contender, Started } from '../harness/bench.js'
import { freePorts } from '../harness/ports.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import type { Admit } from './admitters.js'

type Making = (port: number) => Admit | Promise<Admit>

const KEYS = Array.from({ length: 1000 }, (_, key) => `client-${key}`)

/** Each of them leads through all the keys. */
const STEPS = [3, 7, 9, 11, 13, 17, 19, 21, 23, 27, 29, 31, 33, 37, 39, 41]

/** How long one measurement takes, in milliseconds. */
const DURATION = 400

/** Decisions a second, so many of which are in flight at a time, on a Redis of its own that writes nothing down. */
export function decisionRate(
  name: string,
  role: Contender['role'],
  inFlight: number,
  make: Making,
): Contender {
  return {
    name,
    role,
    start: () =>
      withServer(make, async (admit) => {
        const { decided, took } = await decide(admit, inFlight)
        return (decided / took) * 1000
      }),
  }
}

/** Processor time of a decision in microseconds: that of this process and of the server together. */
export function decisionCost(
  name: string,
  role: Contender['role'],
  inFlight: number,
  make: Making,
): Contender {
  return {
    name,
    role,
    start: () =>
      withServer(make, async (admit, server) => {
        const used = server.used()
        const here = process.cpuUsage()
        // The server's time is known to a hundredth of a second.
        const { decided } = await decide(admit, inFlight, 3 * DURATION)
        const { user, system } = process.cpuUsage(here)
        return (user + system + (server.used() - used) * 1e6) / decided
      }),
  }
}

/** Microseconds from a request to its decision, one after the other. */
export function decisionLatency(name: string, role: Contender['role'], make: Making): Contender {
  return {
    name,
    role,
    start: () =>
      withServer(make, async (admit) => {
        const { decided, took } = await decide(admit, 1)
        return (took / decided) * 1000
      }),
  }
}

async function withServer(
  make: Making,
  measure: (admit: Admit, server: ServerProcess) => Promise<number>,
): Promise<Started> {
  const [port = 0] = await freePorts(1)
  const server = await startServer(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    port,
  )
  const admit = await make(port)
  // All keys are there, and all code is compiled.
  await decide(admit, 64, 3 * DURATION)
  return { measure: () => measure(admit, server), stop: () => server.stop() }
}

/** Asks for decisions for a while: as soon as one is here, the next is asked for. */
async function decide(
  admit: Admit,
  inFlight: number,
  duration = DURATION,
): Promise<{ readonly decided: number; readonly took: number }> {
  let decided = 0
  const start = performance.now()
  const until = start + duration
  const asker = async () => {
    // Each goes through the keys in an order of its own: in the same order, all who waited for one key come to the next together.
    const step = STEPS[Math.floor(Math.random() * STEPS.length)] as number
    let next = Math.floor(Math.random() * KEYS.length)
    while (performance.now() < until) {
      next += step
      const decision = admit(KEYS[next % KEYS.length] as string)
      if (decision instanceof Promise) await decision
      // Who answers at once shall leave the others their turn too.
      else if (decided % 64 === 0) await null
      decided++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, asker))
  return { decided, took: performance.now() - start }
}
