import { expect, it } from 'vitest'
import { usedLabels } from '../../../src/policy/config/limits/used-labels.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'

const IDENTITY =
  'identity: { trusted_proxies: [10.0.0.1], proxy_headers: { client: X-Client, labels: { org: X-Org, team: X-Team, plan: X-Plan } } }'

function labelsIn(policy: string) {
  const text = `upstream: http://127.0.0.1:9000\n${IDENTITY}\nroutes: [{ match: POST /predict, ${policy} }]\n`
  const [route] = parseConfig(text, 'test.yaml').routes
  return route && usedLabels(route)
}

it.each([
  ['limits: [9/minute]', [], []],
  [
    'limits: [{ limit: 9/minute, by: client.org }, { limit: 9/minute, by: [client.team, ip] }]',
    ['org', 'team'],
    [],
  ],
  [`limits: [{ limit: 9/minute, by: client.org, when: "client.team == 'red'" }]`, ['org'], ['team']],
  [`limits: [{ limit: 9/minute, by: client.org, when: "client['org'] == 'acme'" }]`, [], ['org']],
  [
    `limits: [{ limit: "client.plan == 'pro' ? '9/minute' : '1/minute'", by: "client.org + ip" }]`,
    [],
    ['plan', 'org'],
  ],
  [
    `require: "client.team == 'red'", limits: [{ concurrent: "client.plan == 'pro' ? 2 : 1" }]`,
    [],
    ['plan', 'team'],
  ],
  [`limits: [{ limit: 9/minute, by: client.org, when: "client['te' + 'am'] == 'red'" }]`, [], ['*']],
  [`limits: [{ limit: 9/minute, when: "client.tier == 'pro' && client.id != ''" }]`, [], []],
])(
  'the labels that decide on requests are those that rules count by or read: %s',
  (policy, counted, read) => {
    expect(labelsIn(policy)).toEqual({ counted, read })
  },
)
