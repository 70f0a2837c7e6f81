import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { until } from '../../packages/gateway/test/server/gateway/running-gateway.js'
import { peerProgram } from '../../scripts/peers.js'
import { compareCharges } from '../fuzz/compare-charges.js'
import { fuzzPlan } from '../fuzz/plan.js'
import { freePort } from './free-port.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const SIZES = { short: 500, full: 20_000 }

function uvicorn(port: number): [string, ...string[]] {
  return ['uvicorn', '--port', `${port}`, '--log-level', 'critical', 'rows_app:fastapi']
}

function gunicorn(app: string) {
  return (port: number): [string, ...string[]] => [
    ...(['gunicorn', '--bind', `127.0.0.1:${port}`, '--worker-class', 'gthread', '--threads', '4'] as const),
    ...['--header-map', 'dangerous', '--log-level', 'critical', app],
  ]
}

it.each([
  ['FastAPI with a Pydantic model on uvicorn', uvicorn, '/rows'],
  ['FastAPI that parses every body on uvicorn', uvicorn, '/loose/rows'],
  ['Flask on gunicorn', gunicorn('rows_app:flask'), '/rows'],
  ['Flask that parses every body on gunicorn', gunicorn('rows_app:flask'), '/loose/rows'],
  ['a plain WSGI application on gunicorn', gunicorn('rows_app:wsgi'), '/rows'],
])('the gateway charges at least the rows that %s processes', async (name, command, path) => {
  const port = await freePort()
  const [program, ...args] = command(port)
  const child = spawn(peerProgram(program), args, { cwd: HERE, stdio: 'ignore' })
  onTestFinished(() => {
    child.kill()
  })
  const url = `http://127.0.0.1:${port}`
  await until(() => fetch(url).then(Boolean, () => child.exitCode !== null))
  expect(child.exitCode).toBe(null)
  const plan = fuzzPlan(SIZES)
  const { ran, failed, refused } = await compareCharges(url, path, plan)
  console.log(
    `seed ${plan.seed}: ${name} processed ${ran} requests and rejected ${failed}; the gateway rejected ${refused}`,
  )
})
