import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { expect, it, onTestFinished } from 'vitest'
import { sluice } from '../../cli/program.js'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { createAuthority, issue, type Pair, SecretVolume, temporaryFolder } from './certificates.js'

/** Starts an upstream that responds with the name in the certificate of its client. */
async function startTlsUpstream(pair: Pair, authority: Pair): Promise<string> {
  const server = createServer(
    { ...pair, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const filesOf = (authority: Pair, client: Pair) => ({
  'ca.crt': authority.cert,
  'tls.crt': client.cert,
  'tls.key': client.key,
})

it('the gateway verifies the upstream by its authorities and server_name, and presents its new certificate after a rotation', async () => {
  const authority = await createAuthority('Authority')
  const upstream = await startTlsUpstream(await issue(authority, 'model', 'DNS:model.internal'), authority)
  const volume = await SecretVolume.create(filesOf(authority, await issue(authority, 'first')))
  const path = (name: string) => volume.path(name)
  const { gateway, url, configOf } = await startTestGateway('', upstream)
  expect((await send(url, '/')).status).toBe(502)
  const withTls = (serverName: string) => ({
    ...configOf(''),
    upstreamTls: { ca: path('ca.crt'), cert: path('tls.crt'), key: path('tls.key'), serverName },
  })
  await gateway.apply(withTls('other.internal'))
  expect((await send(url, '/')).status).toBe(502)
  await gateway.apply(withTls('model.internal'))
  expect(await send(url, '/')).toMatchObject({ status: 200, text: 'first' })

  let isOver = false
  const statuses = new Map<number, number>()
  const client = async () => {
    while (!isOver) {
      const { status } = await send(url, '/')
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: 4 }, client)
  for (const name of ['second', 'third']) {
    await volume.replace(filesOf(authority, await issue(authority, name)))
    await until(async () => (await send(url, '/')).text === name)
  }
  isOver = true
  await Promise.all(clients)
  expect([...statuses.keys()]).toEqual([200])
})

it('a named upstream has TLS files of its own, which are reloaded for it alone', async () => {
  const authority = await createAuthority('Authority')
  const upstream = await startTlsUpstream(await issue(authority, 'model', 'DNS:model.internal'), authority)
  const volume = await SecretVolume.create(filesOf(authority, await issue(authority, 'first')))
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => volume.path(name))
  const { url, gateway, configOf } = await startTestGateway(
    `
upstreams:
  model: { url: "${upstream}", tls: { ca: ${ca}, cert: ${cert}, key: ${key}, server_name: model.internal } }
  other: { url: "${upstream}" }
routes:
  - { match: /model, upstream: model }
  - { match: /other, upstream: other }
`,
  )
  expect((await send(url, '/model')).text).toBe('first')
  expect((await send(url, '/other')).status).toBe(502)
  await volume.replace(filesOf(authority, await issue(authority, 'second')))
  await until(async () => (await send(url, '/model')).text === 'second')
  expect((await send(url, '/other')).status).toBe(502)
  await gateway.apply(configOf(''))
  expect((await send(url, '/model')).status).toBe(200)
})

it('workers reload the TLS files of a named upstream', async () => {
  const authority = await createAuthority('Authority')
  const upstream = await startTlsUpstream(await issue(authority, 'model', 'DNS:model.internal'), authority)
  const volume = await SecretVolume.create(filesOf(authority, await issue(authority, 'first')))
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => volume.path(name))
  const { url } = await serveWithWorkers(
    2,
    `
upstreams:
  model: { url: "${upstream}", tls: { ca: ${ca}, cert: ${cert}, key: ${key}, server_name: model.internal } }
routes: [{ match: /model, upstream: model }]
`,
    () => {},
  )
  const clients = async () =>
    new Set(await Promise.all(Array.from({ length: 20 }, async () => (await send(url, '/model')).text)))
  expect(await clients()).toEqual(new Set(['first']))
  await volume.replace(filesOf(authority, await issue(authority, 'second')))
  await until(async () => !(await clients()).has('first'))
  expect(await clients()).toEqual(new Set(['second']))
})

it('check names the TLS file that cannot be used, and why', async () => {
  const folder = await temporaryFolder()
  const authority = await createAuthority('Authority')
  const [first, second] = [await issue(authority, 'first'), await issue(authority, 'second')]
  const check = async (files: { cert: string; key?: string; ca?: string }) => {
    const config = join(folder, 'gateway.yaml')
    await writeFile(join(folder, 'tls.crt'), files.cert)
    await writeFile(join(folder, 'ca.crt'), files.ca ?? authority.cert)
    const key = files.key === undefined ? 'missing.key' : 'tls.key'
    if (files.key !== undefined) await writeFile(join(folder, key), files.key)
    const tls = `{ cert: tls.crt, key: ${key}, client_ca: ca.crt }`
    await writeFile(config, `upstream: http://127.0.0.1:9\nlisten: { tls: ${tls} }\n`)
    const { output, ended } = sluice('check', config)
    expect((await ended)[0]).toBe(output.err === '' ? 0 : 1)
    return output.err.replaceAll(`${folder}/`, '')
  }
  const encrypted = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nabc\n-----END ENCRYPTED PRIVATE KEY-----\n'
  expect(await check(first)).toBe('')
  expect(await check({ cert: first.cert })).toBe('missing.key:1:1: the file does not exist\n')
  expect(await check({ cert: first.cert, key: second.key })).toBe(
    'tls.key:1:1: the key does not belong to the first certificate in tls.crt; write both files together\n',
  )
  expect(await check({ cert: first.cert, key: encrypted })).toBe(
    'tls.key:1:1: the key is encrypted; write it without a passphrase\n',
  )
  expect(await check({ cert: first.key, key: first.key })).toBe(
    'tls.crt:1:1: the file contains no certificate that begins with -----BEGIN CERTIFICATE-----\n',
  )
  expect(await check({ ...first, ca: 'nothing' })).toBe(
    'ca.crt:1:1: the file contains no certificate that begins with -----BEGIN CERTIFICATE-----\n',
  )
  expect(await check({ cert: first.cert, key: first.cert })).toBe(
    'tls.key:1:1: the file contains no private key that begins with -----BEGIN PRIVATE KEY-----\n',
  )
})
