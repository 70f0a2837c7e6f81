import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestGateway, until } from '../../packages/gateway/test/server/gateway/running-gateway.js'
import { message, rawClient } from '../../packages/gateway/test/server/proxy/raw-client.js'
import { peerProgram } from '../../scripts/peers.js'
import { freePort } from './free-port.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/**
 * Servers that trust forwarding headers and CGI variables from this machine, as from a local proxy.
 */
const SERVERS: Record<string, (port: number) => [string, ...string[]]> = {
  gunicorn: (port) => [
    'gunicorn',
    '--bind',
    `127.0.0.1:${port}`,
    '--header-map',
    'dangerous',
    'echo_app:wsgi',
  ],
  uvicorn: (port) => ['uvicorn', '--port', String(port), '--proxy-headers', 'echo_app:asgi'],
  hypercorn: (port) => ['hypercorn', '--bind', `127.0.0.1:${port}`, 'echo_app:asgi'],
}

const STEERING = [
  'SCRIPT_NAME: /free',
  'Script-Name: /free',
  'PATH_INFO: /predict',
  'Path-Info: /predict',
  'REQUEST_METHOD: DELETE',
  'REQUEST_URI: /predict',
  'X-Forwarded-Prefix: /free',
  'X_Forwarded_Prefix: /free',
  'X-Original-URL: /predict',
  'X-HTTP-Method-Override: DELETE',
  'X-Forwarded-Ssl: on',
  'X-Forwarded-Protocol: ssl',
  'X_Forwarded_Proto: https',
  'X_Forwarded_For: 10.0.0.9',
  'X_Forwarded_Host: evil.example',
  'Forwarded: for=10.0.0.9;proto=https;host=evil.example',
  'REMOTE_ADDR: 10.0.0.9',
  'REMOTE_USER: admin',
  'Remote-User: admin',
]

/** Sends a request to a port and returns it as the application sees it. */
async function requestSeenThrough(port: number, headers: readonly string[]) {
  const client = await rawClient(port)
  client.send(message('POST /free/predict HTTP/1.1', [...headers, 'Content-Length: 0', 'Connection: close']))
  await client.closed
  return JSON.parse(client.received.slice(client.received.indexOf('{'), client.received.lastIndexOf('}') + 1))
}

describe.each(Object.entries(SERVERS))('%s behind the gateway', (name, command) => {
  let port = 0
  let stop = () => {}

  beforeAll(async () => {
    port = await freePort()
    const [program, ...args] = command(port)
    const child = spawn(peerProgram(program), args, { cwd: HERE, stdio: 'ignore' })
    stop = () => child.kill()
    await until(() =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => child.exitCode !== null,
      ),
    )
    expect(child.exitCode).toBe(null)
  })
  afterAll(() => stop())

  it('serves the path that the gateway decided on, whatever headers the client sends', async () => {
    // A trusted proxy may forward the authenticated user.
    const fromProxy = STEERING.filter((header) => header !== 'Remote-User: admin')
    for (const [config, headers] of [
      ['', STEERING],
      ['identity: { trusted_proxies: [127.0.0.1] }', fromProxy],
    ] as const) {
      const { gateway } = await startTestGateway(config, `http://127.0.0.1:${port}`)
      const plain = await requestSeenThrough(gateway.address.port, [])
      expect(plain).toMatchObject({
        method: 'POST',
        root: '',
        path: '/free/predict',
        scheme: 'http',
        user: null,
      })
      expect(await requestSeenThrough(gateway.address.port, headers)).toEqual(plain)
      for (const header of headers)
        expect(await requestSeenThrough(gateway.address.port, [header])).toEqual(plain)
    }
  })

  it.runIf(name === 'gunicorn')('would serve another path without the gateway', async () => {
    const seen = await requestSeenThrough(port, ['SCRIPT_NAME: /free'])
    expect(seen).toMatchObject({ root: '/free', path: '/predict' })
  })
})
