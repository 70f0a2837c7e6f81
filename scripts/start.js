/**
 * Runs a real model server behind the gateway, with the limits of examples/gateway.yaml.
 * PORT, ADMIN_PORT and MODEL_PORT set the ports.
 */
import { spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onParentEnd } from '../packages/gateway/dist/cli/stop-signal.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const port = portOf('PORT', 8080)
const adminPort = portOf('ADMIN_PORT', 8081)
const modelPort = portOf('MODEL_PORT', 9000)

/** @type {import('node:child_process').ChildProcess[]} */
const children = []
let stopping = false

process.on('SIGINT', stop).on('SIGTERM', stop)

// A signal that ends npm or its shell does not reach this process.
onParentEnd(() => {
  if (!stopping) stop()
})

run('examples/model-server/dist/main.js', [], { MODEL_PORT: String(modelPort) })
await untilOk(`http://127.0.0.1:${modelPort}/healthz`)
run('packages/gateway/bin/sluice.js', [
  ...['serve', 'examples/gateway.yaml'],
  ...['--listen', `127.0.0.1:${port}`],
  ...['--admin', `127.0.0.1:${adminPort}`],
  ...['--upstream', `http://127.0.0.1:${modelPort}`],
])
await untilOk(`http://127.0.0.1:${adminPort}/readyz`)

const json = "-H 'content-type: application/json'"
console.log(`
Try it (the eleventh request within a minute is refused):

  curl -i -X POST localhost:${port}/predict ${json} -d '{"features":[1,2,3]}'
  curl -N -X POST localhost:${port}/v1/chat/completions ${json} \\
       -d '{"stream":true,"messages":[{"role":"user","content":"How is a model served?"}]}'
  curl localhost:${port}/model-info

Dashboard: http://localhost:${adminPort}

Ctrl-C stops the gateway and the model server.
The limits are in examples/gateway.yaml, which is reloaded when it changes.`)

/**
 * Starts a program. Its exit stops all others.
 *
 * @param {string} script
 * @param {string[]} options
 * @param {Record<string, string>} [environment]
 */
function run(script, options, environment = {}) {
  const child = spawn(process.execPath, [script, ...options], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
  children.push(child)
  child.on('exit', (code) => {
    if (!stopping) process.exitCode = code || 1
    stop()
  })
}

/** Stops the gateway first, which finishes requests in flight, and then the model server. */
function stop() {
  stopping = true
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null)
  running.at(-1)?.kill('SIGINT')
  if (running.length === 0) process.exit()
}

/**
 * Waits until a URL responds with 200. If a program exits meanwhile, this process exits too.
 *
 * @param {string} url
 */
async function untilOk(url) {
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    await response?.arrayBuffer()
    if (response?.ok) return
    await wait(100)
  }
}

/**
 * @param {string} name
 * @param {number} defaultPort
 */
function portOf(name, defaultPort) {
  const text = process.env[name] ?? String(defaultPort)
  const number = Number(text)
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= 65_535) return number
  console.error(`${name} must be a port from 1 to 65535, not '${text}'`)
  process.exit(1)
}
