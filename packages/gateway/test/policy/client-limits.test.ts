import { expect, it } from 'vitest'
import { type ClientLimit, fittingLimits } from '../../src/policy/client-limits.js'
import { parseConfig } from '../../src/policy/config/load-config.js'

it('separates the limits that fit a configuration from those that do not, in their order', () => {
  const config = parseConfig(
    'upstream: http://127.0.0.1:9000\nroutes: [{ match: POST /a, limits: [9/minute, { name: ip, limit: 9/s, by: ip }] }]\n',
    'gateway.yaml',
  )
  const limit = (client: number, rule: string, value: string | number): ClientLimit => ({
    client: `client-${client}`,
    rule,
    override: typeof value === 'number' ? { scale: value } : { limit: value },
  })
  const limits = Array.from({ length: 40 }, (_, at) => [
    limit(at, 'requests', at % 3 === 0 ? '1/s; 2/m' : `${at + 1}/minute`),
    limit(at, at % 2 === 0 ? 'tokens' : 'ip', 2),
  ]).flat()
  const { fitting, unfit } = fittingLimits(limits, config)
  const isFit = ({ client, rule }: ClientLimit) => rule === 'requests' && Number(client.slice(7)) % 3 !== 0
  expect(fitting).toEqual(limits.filter(isFit))
  expect(unfit.map(({ limit }) => limit)).toEqual(limits.filter((each) => !isFit(each)))
  const reasonOf = (rule: string) => unfit.find(({ limit }) => limit.rule === rule)?.message
  expect(reasonOf('requests')).toContain('must be a single limit')
  expect(reasonOf('tokens')).toContain("there is no rule 'tokens'")
  expect(reasonOf('ip')).toContain('does not count each client by itself')
})
