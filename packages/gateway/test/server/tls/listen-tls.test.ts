import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { sluice } from '../../cli/program.js'
import { startTestGateway, startUpstream, until } from '../gateway/running-gateway.js'
import { createAuthority, issue, type Pair, SecretVolume, temporaryFolder } from './certificates.js'

let authority: Pair
let server: Pair
let client: Pair
beforeAll(async () => {
  authority = await createAuthority('Test authority')
  server = await issue(authority, 'first')
  client = await issue(authority, 'client', 'DNS:client.example')
})

/** Writes the files of a pair to a folder, and returns the value of `tls` for them. */
async function tlsOf({ cert, key }: Pair, clientCa?: string): Promise<string> {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'tls.crt'), cert)
  await writeFile(join(folder, 'tls.key'), key)
  if (clientCa !== undefined) await writeFile(join(folder, 'clients.crt'), clientCa)
  const ca = clientCa === undefined ? '' : `, client_ca: ${folder}/clients.crt`
  return `{ cert: ${folder}/tls.crt, key: ${folder}/tls.key${ca} }`
}

/** Starts a gateway whose port for clients has TLS. */
async function startTlsGateway(text: string, tls: string, upstream?: Parameters<typeof startTestGateway>[1]) {
  const started = await startTestGateway(
    `${text}`,
    upstream,
    '127.0.0.1:0',
    `{ address: 127.0.0.1:0, tls: ${tls} }`,
  )
  return { ...started, port: started.gateway.address.port }
}

/** Opens a TLS connection, which closes after the test. Rejects if the handshake fails. */
async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: authority.cert, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Sends a request on a new connection. Rejects if the server refuses the connection. */
async function get(port: number, options: ConnectionOptions & { readonly path?: string } = {}) {
  const { path = '/', ...connection } = options
  const agent = new Agent({ ca: authority.cert, ...connection })
  const outgoing = request({ host: '127.0.0.1', port, path, agent }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const { subject } = (response.socket as TLSSocket).getPeerCertificate() as PeerCertificate
  return { status: response.statusCode, headers: response.headers, text, subject: subject.CN }
}

/** Sends a request with an agent, and returns the status of the response. */
async function statusOf(port: number, agent: Agent, method: string): Promise<number | undefined> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/', method, agent }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  await once(response.resume(), 'end')
  return response.statusCode
}

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('a port with TLS', () => {
  it('serves HTTPS, and tells the upstream so', async () => {
    const { port } = await startTlsGateway('', await tlsOf(server))
    const { status, text } = await get(port)
    expect(status).toBe(200)
    expect(JSON.parse(text).headers['x-forwarded-proto']).toBe('https')
    const plain = httpRequest({ port, host: '127.0.0.1' }).end()
    await expect(once(plain, 'response')).rejects.toThrow()
  })

  it('refuses versions before TLS 1.2', async () => {
    const { port } = await startTlsGateway('', await tlsOf(server))
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await expect(handshake(port, old)).rejects.toThrow(/protocol version/)
    expect((await handshake(port, { maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2')
  })

  it('requires a certificate of its authorities from clients, if they are configured', async () => {
    const { port, failures } = await startTlsGateway('', await tlsOf(server, authority.cert))
    await expect(get(port)).rejects.toThrow()
    const stranger = await issue(await createAuthority('Another authority'), 'client')
    await expect(get(port, stranger)).rejects.toThrow()
    expect((await get(port, client)).status).toBe(200)
    expect(failures).toEqual([])
  })

  it('counts connections before their handshake, and closes them if they do not complete it', async () => {
    const { port, adminUrl } = await startTlsGateway('server: { max_connections: 2 }', await tlsOf(server))
    const silent = Array.from({ length: 2 }, () => connectTcp(port, '127.0.0.1'))
    const closed = silent.map((socket) => once(socket.resume(), 'close'))
    const metrics = async () => (await fetch(`${adminUrl}/metrics`)).text()
    await until(async () => (await metrics()).includes('sluice_connections 2'))
    await expect(handshake(port)).rejects.toThrow()
    await Promise.all(closed)
    expect((await get(port)).status).toBe(200)
    await until(async () => (await metrics()).includes('sluice_connections 0'))
  })

  it('responds to a client that closed its half of the connection', async () => {
    const { port } = await startTlsGateway('', await tlsOf(server), (_, response) => response.end('whole'))
    const socket = await handshake(port)
    socket.end(GET)
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) text += chunk
    expect(text).toMatch(/whole$/)
  })

  it('closes its connections after their responses when the gateway stops', async () => {
    const pending: ServerResponse[] = []
    const { gateway, port } = await startTlsGateway('', await tlsOf(server), (_, response) =>
      pending.push(response),
    )
    const silent = await handshake(port)
    const busy = await handshake(port)
    busy.write(GET)
    await until(() => pending.length === 1)
    const stopped = gateway.close()
    await once(silent.resume(), 'close')
    pending[0]?.end('done')
    let text = ''
    for await (const chunk of busy.setEncoding('utf8')) text += chunk
    expect(text).toMatch(/\r\nConnection: close\r\n[\s\S]*done$/)
    await stopped
  })
})

it('the admin port serves HTTPS with a certificate of its own', async () => {
  const tls = await tlsOf(server)
  const { gateway } = await startTestGateway('', undefined, `{ listen: 127.0.0.1:0, tls: ${tls} }`)
  const { status, subject } = await get(gateway.adminAddress?.port as number, { path: '/readyz' })
  expect([status, subject]).toEqual([200, 'first'])
})

describe.each([1, 2])('a gateway with workers: %i', (workers) => {
  it('rotates its certificates under load without a failed request, and keeps them if the new ones are broken', {
    timeout: 60_000,
  }, async () => {
    const files = ({ cert, key }: Pair) => ({ 'tls.crt': cert, 'tls.key': key })
    const volume = await SecretVolume.create(files(server))
    const file = join(volume.folder, 'gateway.yaml')
    const tls = '{ cert: tls.crt, key: tls.key }'
    await writeFile(
      file,
      `listen: { address: 127.0.0.1:0, tls: ${tls} }
admin: { listen: 127.0.0.1:0, tls: ${tls} }
workers: ${workers}
timeouts: { drain: 0 }
upstream: ${await startUpstream((_, response) => response.end('fine'))}
`,
    )
    const { child, output, ended } = sluice('serve', file)
    await until(() => output.out.includes('health') || child.exitCode !== null)
    const [, port, adminPort] = (/https:.*?:(\d+) .*https:.*?:(\d+) /s.exec(output.out) ?? []).map(Number)
    const subjects = async () => [
      (await get(port as number)).subject,
      (await get(adminPort as number)).subject,
    ]
    expect(await subjects()).toEqual(['first', 'first'])

    const failures: unknown[] = []
    let sent = 0
    let isOver = false
    const sendAll = async (agent: Agent, method: string) => {
      while (!isOver) {
        sent++
        const status = await statusOf(port as number, agent, method).catch((error: Error) => error.message)
        if (status !== 200) failures.push(status)
      }
    }
    const clients = [true, false].flatMap((keepAlive) =>
      ['GET', 'POST'].map((method) => sendAll(new Agent({ ca: authority.cert, keepAlive }), method)),
    )
    const reloaded = (times: number) => until(() => output.err.split('TLS files reloaded').length > 2 * times)
    for (const [index, name] of ['second', 'third'].entries()) {
      const pair = await issue(authority, name)
      await volume.replace(files(pair))
      await reloaded(index + 1)
      for (let attempt = 0; attempt < 4; attempt++)
        await expect.poll(subjects, { timeout: 10_000 }).toEqual([name, name])
    }
    const other = await issue(authority, 'other')
    await volume.replace(files({ cert: other.cert, key: server.key }))
    const rejections = () => output.err.split('\n').filter((line) => line.includes('TLS files rejected'))
    await until(() => rejections().length === 2)
    expect(await subjects()).toEqual(['third', 'third'])
    await volume.replace(files(await issue(authority, 'fourth')))
    await reloaded(3)
    await expect.poll(subjects, { timeout: 10_000 }).toEqual(['fourth', 'fourth'])

    isOver = true
    await Promise.all(clients)
    console.info(`${sent} requests during 3 rotations: ${failures.length} failed`)
    expect(failures).toEqual([])
    // Once for the port of the clients and once for the admin port.
    expect(rejections()).toHaveLength(2)
    expect(rejections()[0]).toContain('the key does not belong to the first certificate')
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    for (const line of [...server.key.split('\n'), ...other.cert.split('\n')].filter(
      (each) => each.length > 20,
    ))
      expect(output.err + output.out).not.toContain(line)
  })
})
