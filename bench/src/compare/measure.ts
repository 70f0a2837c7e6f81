/**
 * Measures decisions of one version of the library in its own process: `measure.js LIBRARY`, where
 * LIBRARY is the URL of the library's entry point. Each message is the name of a case; the reply is
 * the processor time per decision, in nanoseconds.
 */
import type {
  createLimiter as CreateLimiter,
  LimiterOptions,
  memoryStore as MemoryStore,
  Permit,
} from 'sluice'

type Use = (permit: Permit) => void

const KEYS = Array.from({ length: 10_000 }, (_, index) => `client ${index}`)
const DECISIONS = 100_000

const rate = (algorithm: 'token-bucket' | 'fixed-window' | 'sliding-window'): LimiterOptions<string> => ({
  rules: [{ limit: '300000/10d', algorithm }],
})
const clients = new Map(KEYS.map((key, index) => [key, { id: key, tier: index % 2 === 0 ? 'free' : 'pro' }]))

/** The compared cases. They use only options that every version supports. */
const CASES: Readonly<Record<string, readonly [options: LimiterOptions<string>, use?: Use]>> = {
  'token bucket': [rate('token-bucket')],
  'fixed window': [rate('fixed-window')],
  'sliding window': [rate('sliding-window')],
  'sliding log': [{ rules: [{ limit: '200/minute', algorithm: 'sliding-log' }] }],
  'five rules': [
    { rules: [10, 15, 20, 25, 30].map((days) => ({ name: `${days}`, limit: `300000/${days}d` })) },
  ],
  'reserve and settle': [
    { rules: [{ limit: '300000000/10d', of: 'tokens', cost: () => 100 }] },
    (permit) => permit.settle({ tokens: 37 }),
  ],
  'take and release a slot': [{ rules: [{ concurrent: 4 }] }, (permit) => permit.release()],
  'every feature': [
    {
      rules: [
        { limit: '300000/10d', by: 'client' },
        { limit: '300000/20d', name: 'trial', by: 'client', enforce: false },
      ],
      client: (key) => clients.get(key),
      tiers: { free: 1, pro: 2 },
      listener: () => {},
    },
  ],
}

const { createLimiter, memoryStore } = (await import(process.argv[2] ?? '')) as {
  readonly createLimiter: typeof CreateLimiter
  readonly memoryStore: typeof MemoryStore
}

const deciders = new Map(
  Object.entries(CASES).map(([name, [options, use]]) => {
    const limiter = createLimiter({ ...options, store: memoryStore() })
    const decide = (key: string) => {
      const decision = limiter.admit(key)
      if (!(decision instanceof Promise) && decision.allowed && use !== undefined) use(decision.permit)
    }
    return [name, decide] as const
  }),
)

function nanosecondsPerDecision(decide: (key: string) => void): number {
  const before = process.cpuUsage()
  for (let index = 0, position = 0; index < DECISIONS; index++) {
    position = (position + 7919) % KEYS.length
    decide(KEYS[position] as string)
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / DECISIONS
}

process.on('message', (name: string) => {
  const decide = deciders.get(name)
  process.send?.(decide === undefined ? Number.NaN : nanosecondsPerDecision(decide))
})
process.on('disconnect', () => process.exit())
process.send?.(Object.keys(CASES))
