import { MemoryStore } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { type Client, createLimiter, type LimiterOptions, memoryStore, type Permit, type Rule } from 'sluice'

/** A limiter that decides on one key per call. It admits all requests of these benchmarks. */
export type Decider =
  | { readonly admit: (key: string) => boolean }
  /** Decides asynchronously. */
  | { readonly admitAsync: (key: string) => Promise<unknown> }

/** A request keeps its key in use for five minutes, so no key expires during a measurement. */
const LIMIT = 3000
const PERIOD = 10 * 86_400_000

/** Creates a Sluice limiter whose rules all count by the key that is passed. */
export function sluice(limits: readonly string[] = [`${LIMIT}/10d`], maxKeys = 1_000_000): Decider {
  const rules = limits.map((limit, index): Rule<string> => ({ name: `rule ${index}`, limit }))
  const limiter = createLimiter({ rules, store: memoryStore({ maxKeys: maxKeys * limits.length }) })
  return {
    admit(key) {
      const decision = limiter.admit(key)
      if (decision instanceof Promise) throw new Error('the memory store must decide synchronously')
      return decision.allowed
    },
  }
}

/**
 * Creates a Sluice limiter with any options.
 *
 * @param use called with the permit of each admitted request
 */
export function sluiceWith(
  options: LimiterOptions<string>,
  use?: (permit: Permit) => void,
  maxKeys = 1_000_000,
): Decider {
  const limiter = createLimiter({
    ...options,
    store: memoryStore({ maxKeys: maxKeys * options.rules.length }),
  })
  return {
    admit(key) {
      const decision = limiter.admit(key)
      if (decision instanceof Promise) throw new Error('the memory store must decide synchronously')
      if (use !== undefined && decision.allowed) use(decision.permit)
      return decision.allowed
    },
  }
}

/** Returns a rule with a limit above the load of these benchmarks. */
export function ruleOf(algorithm: NonNullable<RateAlgorithm>): Rule<string> {
  return algorithm === 'sliding-log'
    ? { limit: '200/minute', algorithm }
    : { limit: `${LIMIT}/10d`, algorithm }
}

type RateAlgorithm = Extract<Rule<string>, { readonly limit: unknown }>['algorithm']

/** Returns options with client lookup, tiers, a listener and a shadow rule. */
export function everyFeature(): LimiterOptions<string> {
  const clients = new Map<string, Client>()
  return {
    rules: [
      { limit: `${LIMIT}/10d`, by: 'client' },
      { limit: `${LIMIT}/20d`, name: 'trial', by: 'client', enforce: false },
    ],
    client(key) {
      let client = clients.get(key)
      if (client === undefined) {
        client = { id: key, tier: clients.size % 2 === 0 ? 'free' : 'pro' }
        clients.set(key, client)
      }
      return client
    },
    tiers: { free: 1, pro: 2 },
    listener: () => {},
  }
}

/** Five limits of different periods, all above the load. */
export const FIVE_LIMITS = [10, 15, 20, 25, 30].map((days) => `${LIMIT}/${days}d`)

/**
 * Creates a minimal limiter: a Map, GCRA and a clock. It validates nothing, reports nothing, never
 * expires a key, and stores a single number per key.
 */
export function bareMap(): Decider {
  const states = new Map<string, { tat: number }>()
  const interval = PERIOD / LIMIT
  return {
    admit(key) {
      const now = performance.now()
      const state = states.get(key)
      if (state === undefined) {
        states.set(key, { tat: now + interval })
        return true
      }
      const tat = Math.max(state.tat, now) + interval
      if (tat - now > PERIOD) return false
      state.tat = tat
      return true
    },
  }
}

export function expressRateLimit(): Decider {
  const store = new MemoryStore()
  store.init({ windowMs: PERIOD } as Parameters<MemoryStore['init']>[0])
  return { admitAsync: (key) => store.increment(key) }
}

export function rateLimiterFlexible(): Decider {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: PERIOD / 1000 })
  return { admitAsync: (key) => limiter.consume(key) }
}
