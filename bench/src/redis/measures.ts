import type { Contender, Started } from '../harness/bench.js'
import { startRedis } from '../harness/redis-server.js'
import type { ServerProcess } from '../harness/server-process.js'
import type { Admit } from './admitters.js'

type AdmitFactory = (port: number) => Admit | Promise<Admit>

const KEYS = Array.from({ length: 1000 }, (_, key) => `client-${key}`)

/** Step sizes. Each is coprime with the number of keys, so every caller visits all keys. */
const STEPS = [3, 7, 9, 11, 13, 17, 19, 21, 23, 27, 29, 31, 33, 37, 39, 41]

/** Duration of a measurement, in milliseconds. */
const DURATION_MS = 400

/**
 * Measures decisions per second, with a constant number in flight, on a dedicated Redis without
 * persistence.
 */
export function decisionRate(
  name: string,
  role: Contender['role'],
  inFlight: number,
  make: AdmitFactory,
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

/** Measures the processor time per decision, of this process and the server, in microseconds. */
export function decisionCost(
  name: string,
  role: Contender['role'],
  inFlight: number,
  make: AdmitFactory,
): Contender {
  return {
    name,
    role,
    start: () =>
      withServer(make, async (admit, server) => {
        const serverBefore = server.cpuSeconds()
        const before = process.cpuUsage()
        // Longer, because the server's time has a resolution of 10 ms.
        const { decided } = await decide(admit, inFlight, 3 * DURATION_MS)
        const { user, system } = process.cpuUsage(before)
        return (user + system + (server.cpuSeconds() - serverBefore) * 1e6) / decided
      }),
  }
}

/** Measures the latency of sequential decisions, in microseconds. */
export function decisionLatency(name: string, role: Contender['role'], make: AdmitFactory): Contender {
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
  make: AdmitFactory,
  measure: (admit: Admit, server: ServerProcess) => Promise<number>,
): Promise<Started> {
  const server = await startRedis()
  const admit = await make(server.port)
  // Creates all keys and compiles the code.
  await decide(admit, 64, 3 * DURATION_MS)
  return { measure: () => measure(admit, server), stop: () => server.stop() }
}

/** Decides for `duration` milliseconds with a constant number of decisions in flight. */
async function decide(
  admit: Admit,
  inFlight: number,
  duration = DURATION_MS,
): Promise<{ readonly decided: number; readonly took: number }> {
  let decided = 0
  const start = performance.now()
  const until = start + duration
  const caller = async () => {
    // Each caller visits the keys in its own order. In a shared order, all callers would contend
    // for the same key.
    const step = STEPS[Math.floor(Math.random() * STEPS.length)] as number
    let next = Math.floor(Math.random() * KEYS.length)
    while (performance.now() < until) {
      next += step
      const decision = admit(KEYS[next % KEYS.length] as string)
      if (decision instanceof Promise) await decision
      // After synchronous decisions, the caller still has to yield to the others.
      else if (decided % 64 === 0) await null
      decided++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  return { decided, took: performance.now() - start }
}
