import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { sluice } from '../cli/program.js'
import { echo, running, send, until, upstreamOf } from '../gateway/running.js'

const LIMITS = 'routes: [{ match: POST /predict, limits: [3/minute] }]'

/** The program as it is built: a replay runs in a thread of its own, which is started from its file. */
async function recording() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-admin-replay-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'gateway.yaml')
  const addresses = 'listen: 127.0.0.1:0\nadmin: 127.0.0.1:0'
  await writeFile(
    file,
    `${addresses}\nupstream: ${await upstreamOf(echo)}\nrecord: traffic.jsonl.gz\n${LIMITS}\n`,
  )
  const { said, child } = sluice('serve', file)
  onTestFinished(() => void child.kill('SIGKILL'))
  await until(() => (said.out.match(/http:\/\/[\d.:]+/g)?.length ?? 0) >= 3)
  const [url = '', , adminUrl = ''] = said.out.match(/http:\/\/[\d.:]+/g) ?? []
  const ask = async (body = '', headers = {}) => {
    const { status, text } = await send(adminUrl, '/api/replay', { body, headers })
    return { status, body: JSON.parse(text) }
  }
  return { url, ask }
}

it('replays what was recorded, through the limits that run and beside them through posted ones', async () => {
  const { url, ask } = await recording()
  expect(await ask()).toMatchObject({ status: 409, body: { error: 'there is no request in it' } })
  for (let request = 0; request < 5; request++) await send(url, '/predict')
  // A request is recorded at its end, which may be a moment after its client has the answer.
  await expect.poll(async () => (await ask()).body.requests?.played).toBe(5)
  expect((await ask()).body.requests).toMatchObject({ allowed: 3, refused: 2 })
  const posted = 'upstream: http://127.0.0.1:1\nroutes: [{ match: POST /predict, limits: [1/minute] }]'
  expect((await ask(posted)).body.requests).toEqual({ both: 1, neither: 2, onlyOne: 2, onlyOther: 0 })
  expect(await ask('routes: [{}]')).toMatchObject({ status: 400 })
  expect(await ask('', { origin: 'http://elsewhere.example' })).toMatchObject({ status: 403 })
})

it('says so where nothing is recorded', async () => {
  const { adminUrl } = await running(LIMITS)
  expect(await send(adminUrl, '/api/replay')).toMatchObject({ status: 404 })
})
