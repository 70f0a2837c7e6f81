import { memoryStore } from 'sluice'
import { describe, expect, it } from 'vitest'
import { fittingActs, overridesOf } from '../../../src/policy/act-overrides.js'
import { type Act, type ActChange, actId } from '../../../src/policy/acts/act.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { createPolicies } from '../../../src/policy/policies.js'
import type { Overrides } from '../../../src/policy/policy-limiter.js'
import { WarmUps } from '../../../src/policy/warm-ups.js'

const config = parseConfig(
  `upstream: http://127.0.0.1:9000
routes:
  - match: POST /predict
    limits:
      - { name: few, limit: 10/hour, by: client }
      - { name: pair, limit: 20/hour, by: [ip, client] }
      - { name: all, limit: 30/hour, by: everyone }
      - { name: slots, concurrent: 4, by: client }
`,
  'gateway.yaml',
)
const policiesWith = (overrides: Overrides) =>
  createPolicies(config, { store: memoryStore(), warmUps: new WarmUps(undefined), overrides })
const { routes } = policiesWith(new Map())

const act = (change: ActChange): Act => ({ id: actId(change), by: 'ada', reason: 'test', at: 0, ...change })
const target = (rule: string, scope = `POST /predict\n${rule}`) => ({ route: 'POST /predict', rule, scope })

/** Returns the overrides of acts by the name of the rule. */
function overridesByRule(...changes: ActChange[]) {
  const overrides = overridesOf(changes.map(act), routes)
  const rules = routes.flatMap(({ rules }) => rules)
  return Object.fromEntries(
    [...overrides].map(([scope, override]) => [rules.find((rule) => rule.scope === scope)?.name, override]),
  )
}

describe('the overrides of acts', () => {
  it('combine a limit, a shadow rule and the limits of clients', () => {
    expect(
      overridesByRule(
        { act: 'limit', target: target('few'), limit: '5/hour' },
        { act: 'shadow', target: target('few'), shadow: true },
        { act: 'override', client: 'acme', target: target('few'), limit: '7/hour' },
        { act: 'override', client: '__proto__', target: target('few'), scale: 3 },
        { act: 'block', client: 'acme' },
      ),
    ).toEqual({
      few: {
        ...{ limit: '5/hour', enforce: false },
        clients: Object.fromEntries([
          ['acme', { limit: '7/hour' }],
          ['__proto__', { scale: 3 }],
        ]),
      },
    })
  })

  it('change all rules that count by client, except those that another act names', () => {
    expect(
      overridesByRule(
        { act: 'override', client: 'acme', target: target('pair'), limit: '7/hour' },
        { act: 'override', client: 'acme', scale: 2 },
      ),
    ).toEqual({
      few: { clients: { acme: { scale: 2 } } },
      pair: { clients: { acme: { limit: '7/hour' } } },
      slots: { clients: { acme: { scale: 2 } } },
    })
  })
})

describe('acts that do not fit the configuration', () => {
  it('are those that exceed the maximum only together with earlier ones', () => {
    const [enormous, scaled, other] = [
      act({ act: 'limit', target: target('few'), limit: '9000000000000000/hour' }),
      act({ act: 'override', client: 'acme', target: target('few'), scale: 2 }),
      act({ act: 'override', client: 'umbrella', target: target('pair'), scale: 2 }),
    ] as const
    const { fitting, unfit } = fittingActs([enormous, scaled, other], routes, policiesWith)
    expect(fitting).toEqual([enormous, other])
    expect(unfit).toEqual([{ act: scaled, reason: expect.any(String) }])
    policiesWith(overridesOf(fitting, routes))
  })

  it('are found among many that do', () => {
    const unfit = [
      act({ act: 'limit', target: target('slots'), limit: '5/hour' }),
      act({ act: 'override', client: 'bad', target: target('few'), limit: '1/hour; 2/hour' }),
      act({ act: 'shadow', target: target('gone'), shadow: true }),
    ]
    const fitting = Array.from({ length: 40 }, (_, number) =>
      act({ act: 'override', client: `client-${number}`, target: target('few'), scale: 2 }),
    )
    const mixed = [
      ...fitting.slice(0, 13),
      ...unfit,
      ...fitting.slice(13),
      act({ act: 'block', client: 'x' }),
    ]
    let attempts = 0
    const result = fittingActs(mixed, routes, (overrides) => {
      attempts++
      return policiesWith(overrides)
    })
    expect(result.unfit.map(({ act }) => act.id).toSorted()).toEqual(unfit.map(({ id }) => id).toSorted())
    expect(result.fitting).toEqual(mixed.filter((each) => !unfit.includes(each)))
    expect(attempts).toBeLessThan(30)
    expect(result.unfit.map(({ reason }) => reason)).toContain('the configuration has no such rule')
  })
})
