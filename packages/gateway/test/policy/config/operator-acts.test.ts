import { expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { checkText } from './check-text.js'

const UPSTREAM = 'upstream: http://127.0.0.1:9000\n'
const HASH = '5ec2e7'.padEnd(64, '0')
const TOKENS = `admin: { tokens: [{ name: ada, role: act, token_sha256: ${HASH} }] }\n`

const read = (text: string) => parseConfig(UPSTREAM + text, '/etc/sluice/gateway.yaml')

it('parseConfig reads who is denied and allowed, and adds allowed addresses to every route', () => {
  const config = read(
    'deny: [10.0.0.0/8, { client: acme }]\nallow: [192.0.2.7, { client: vip }]\n' +
      'routes: [{ match: /a, allow: [192.0.2.8] }, { match: /b }]\n',
  )
  expect(config.deny).toEqual({ addresses: ['10.0.0.0/8'], clients: ['acme'] })
  expect(config.allow).toEqual({ addresses: ['192.0.2.7'], clients: ['vip'] })
  expect(config.routes.map(({ allow }) => allow)).toEqual([['192.0.2.7', '192.0.2.8'], ['192.0.2.7']])
  expect(config.fallback).toMatchObject({ allow: ['192.0.2.7'] })
})

it('parseConfig reads the tokens of operators, and resolves the file of acts', () => {
  const { admin, state } = read(`${TOKENS}state: acts.json`)
  expect(admin?.tokens).toEqual([{ name: 'ada', role: 'act', hash: HASH }])
  expect(state).toBe('/etc/sluice/acts.json')
})

it('an admin port on all interfaces accepts the tokens of operators in place of a single one', () => {
  expect(() => read(TOKENS.replace('admin: {', 'admin: { listen: 0.0.0.0:8081,'))).not.toThrow()
})

it.each([
  ['store: memcached://127.0.0.1\n', 'they apply to this gateway only and are lost at a restart'],
  ['store: memcached://127.0.0.1\nstate: acts.json\n', 'they apply to this gateway only; use Redis'],
])('sluice check says that Memcached cannot keep acts: %j', async (store, warning) => {
  const { code, err } = await checkText(UPSTREAM + TOKENS + store)
  expect(code).toBe(0)
  expect(err).toContain('Memcached cannot keep the acts of operators')
  expect(err).toContain(warning)
  expect((await checkText(UPSTREAM + store)).err).not.toContain('cannot keep the acts')
})

it.each([
  ['', "acts of operators end with the process; 'state' names a file to keep them"],
  ['state: acts.json\n', 'acts.json'],
  ['store: redis://127.0.0.1\n', 'acts of operators are kept in Redis'],
])('sluice check says where acts are kept: %j', async (text, line) => {
  expect((await checkText(UPSTREAM + TOKENS + text)).out).toContain(line)
})

it('sluice check names the clients that are refused and never limited', async () => {
  const addresses = Array.from({ length: 7 }, (_, index) => `10.0.0.${index}`).join(', ')
  const { out } = await checkText(`${UPSTREAM}deny: [${addresses}]\nallow: [{ client: vip }]\n`)
  expect(out).toContain('refused: 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 2 more')
  expect(out).toContain('never limited: client vip')
})
