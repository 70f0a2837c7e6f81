import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const PACKAGE = join(import.meta.dirname, '..', '..')

/** A CommonJS program that uses the built package, as if run by `node app.cjs`. */
const PROGRAM = `
const { Hono } = require('hono')
const { limit, settle } = require('sluice/hono')
const limited = limit({ rules: [{ limit: '1/minute', by: ['route', 'everyone'] }] })
const handle = async (context) => {
  await settle(context, { requests: 1 })
  return context.text(typeof module.exports)
}
const app = new Hono().basePath('/v1')
app.post('/predict', limited, handle)
app.post('/other', limited, handle)
const statusOf = async (path) => (await app.request('/v1' + path, { method: 'POST' })).status
async function main() {
  console.log(await statusOf('/predict'), await statusOf('/predict'), await statusOf('/other'))
}
main()
`

it('the Hono adapter limits by route in a CommonJS program', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=commonjs', '--eval', PROGRAM],
    { cwd: PACKAGE },
  )
  expect(stdout).toBe('200 429 200\n')
}, 60_000)
