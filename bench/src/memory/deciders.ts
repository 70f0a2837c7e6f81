import { MemoryStore } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createLimiter, memoryStore, type Rule } from 'sluice'

/** Something that decides on keys, one a call. All of them let in everything that these benches ask for. */
export type Decider =
  | { readonly admit: (key: string) => boolean }
  /** Its answer is a promise. */
  | { readonly admitLater: (key: string) => Promise<unknown> }

/** A key that was asked about once is in use for five minutes then, so that nothing is forgotten while it is measured. */
const LIMIT = 3000
const PERIOD = 10 * 86_400_000

/** Rules of ours, all for the key that is asked about. */
export function sluice(limits: readonly string[] = [`${LIMIT}/10d`], maxKeys = 1_000_000): Decider {
  const rules = limits.map((limit, index): Rule<string> => ({ name: `rule ${index}`, limit }))
  const limiter = createLimiter({ rules, store: memoryStore({ maxKeys: maxKeys * limits.length }) })
  return {
    admit(key) {
      const decision = limiter.admit(key)
      if (decision instanceof Promise) throw new Error('the memory store answers at once')
      return decision.allowed
    },
  }
}

/** Five limits of different periods, none of which is ever reached here. */
export const FIVE_LIMITS = [10, 15, 20, 25, 30].map((days) => `${LIMIT}/${days}d`)

/**
 * The least that a limiter can do: a Map, GCRA, and a look at the clock. It checks nothing, tells nothing, forgets nothing, and takes a
 * single number for the state.
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
  return { admitLater: (key) => store.increment(key) }
}

export function rateLimiterFlexible(): Decider {
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: PERIOD / 1000 })
  return { admitLater: (key) => limiter.consume(key) }
}
