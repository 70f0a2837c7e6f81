import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { checkText } from './check-text.js'

const UPSTREAM = 'upstream: http://127.0.0.1:9000\n'

/** Runs `sluice check` on a file with a limit on money. */
async function check(text: string, limit = '{ limit: 20 USD/day, of: money, cost: 0.01 }') {
  return checkText(`${UPSTREAM}${text}routes: [{ match: POST /predict, limits: [${limit}] }]\n`)
}

it.each([
  [
    '',
    'a restart forgets what clients have spent',
    "spend is lost at a restart; 'state' names a file to keep it",
  ],
  ['state: acts.json\n', undefined, 'acts.json.spend for 13 months'],
  ['store: redis://127.0.0.1\n', undefined, 'spend is kept in Redis for 13 months'],
  [
    'store: memcached://127.0.0.1\n',
    "each gateway keeps its own, which is lost at a restart unless 'state' names a file",
    'spend is lost at a restart',
  ],
  [
    'store: memcached://127.0.0.1\nstate: acts.json\n',
    'Memcached cannot keep the ledger of spend: each gateway keeps its own; use Redis',
    'acts.json.spend',
  ],
])('sluice check says where spend is kept, and warns if it is lost: %j', async (text, warning, line) => {
  const { code, out, err } = await check(text)
  expect([code, out]).toEqual([0, expect.stringContaining(line)])
  if (warning === undefined) expect(err).not.toMatch(/spend|spent/)
  else expect(err).toContain(warning)
})

it('sluice check says nothing about spend without a limit on money', async () => {
  const { out, err } = await check('', '60/minute')
  expect(out + err).not.toMatch(/spend|spent/)
})

it('sluice check warns at the price list if the file does not name a store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-check-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(
    join(folder, 'prices.yaml'),
    `currency: USD\nas_of: ${new Date().toISOString().slice(0, 10)}\nmodels: { m: { input: 1, output: 1 } }\n`,
  )
  const route =
    '{ match: POST /v1/chat/completions, llm: openai, limits: [{ limit: 20 USD/day, of: money }] }'
  const { err } = await checkText(`${UPSTREAM}prices: ${folder}/prices.yaml\nroutes: [${route}]\n`)
  expect(err).toMatch(/:2:9: warning: a restart forgets what clients have spent/)
})
