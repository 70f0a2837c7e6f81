import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter, type Limiter } from '../../../src/limiter/limiter.js'
import type { Client } from '../../../src/rules/client.js'
import { ALL, type Suite } from './harness.js'

/** The rules from the largest pool to the client itself. */
const LEVELS = ['client.org', 'client.team', 'client'] as const
/** No limit replenishes a unit during a test. */
const PERIOD = 8 * 3_600_000

const member = { id: 'ada', labels: { org: 'acme', team: 'red' } }
/** Clients that share with the member only the pool of a level, and those above it. */
const FILLERS: Readonly<Record<(typeof LEVELS)[number], Client>> = {
  'client.org': { id: 'bob', labels: { org: 'acme', team: 'blue' } },
  'client.team': { id: 'eve', labels: { org: 'acme', team: 'red' } },
  client: member,
}

/** Tests limits of an organization, its teams and their clients, which one decision applies. */
export function poolCases(suite: Suite): void {
  describe.each(ALL)('%s: pools', (_algorithm, limitOf) => {
    it('changes no level by a unit while another level refuses', () =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...LEVELS),
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: 1, max: 4 }),
          (refusing, capacity, cost) =>
            suite.with(async ({ store }) => {
              const limiter = createLimiter<Client>({
                store,
                name: 'pools',
                client: (client) => client,
                rules: LEVELS.map((by) => {
                  const limit = limitOf(by === refusing ? capacity : 100, PERIOD)
                  const common = { name: by, by, cost }
                  return limit.algorithm === 'concurrency'
                    ? { ...common, concurrent: limit.limit, lease: PERIOD }
                    : { ...common, limit }
                }),
              })
              await admitAll(limiter, FILLERS[refusing])
              const before = await usedBy(limiter, member)
              for (let attempt = 0; attempt < 5; attempt++) {
                const decision = await limiter.admit(member)
                if (decision.allowed) throw new Error('the full level admitted a request')
                expect(decision.refusal.violated).toEqual([refusing])
              }
              expect(await usedBy(limiter, member)).toEqual(before)
            }),
        ),
        { seed: 20261202, numRuns: 12 },
      ))
  })
}

/** Sends requests of a client until one is refused. */
async function admitAll(limiter: Limiter<Client>, client: Client): Promise<void> {
  for (let count = 0; count < 10; count++) if (!(await limiter.admit(client)).allowed) return
  throw new Error('no level refused')
}

async function usedBy(limiter: Limiter<Client>, client: Client): Promise<readonly number[]> {
  const { rules } = await limiter.usage(client)
  return rules.map(({ used }) => used)
}
