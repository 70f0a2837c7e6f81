import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway, until } from './running-gateway.js'

const queueConfig = (wait: string, queue = 10) =>
  `routes: [{ match: POST /predict, limits: [{ concurrent: 1, by: everyone, wait: ${wait}, queue: ${queue} }] }]`

/** Creates an upstream that responds to the oldest request when the test calls `respond`. */
function manualUpstream() {
  const pending: ServerResponse[] = []
  const requests: string[] = []
  return {
    pending,
    requests,
    respond: () => pending.shift()?.end('done'),
    listener: (request: { url?: string | undefined }, response: ServerResponse) => {
      requests.push(String(request.url))
      pending.push(response)
    },
  }
}

it('the gateway queues requests for a slot in the order of their arrival', async () => {
  const upstream = manualUpstream()
  const { url } = await startTestGateway(queueConfig('30s'), upstream.listener)
  // One connection ensures that the requests arrive in this order.
  const socket = openSocket(url)
  for (let number = 0; number < 4; number++) socket.write(head(`/predict?${number}`))
  for (let number = 0; number < 4; number++) {
    await until(() => upstream.pending.length === 1)
    upstream.respond()
  }
  await until(() => socket.text().split('HTTP/1.1 200 OK').length === 5)
  expect(upstream.requests).toEqual(['/predict?0', '/predict?1', '/predict?2', '/predict?3'])
})

it('the gateway queues requests of all routes for a slot of the upstream in the order of their arrival', async () => {
  const upstream = manualUpstream()
  const limits = 'limits: [{ concurrent: 1, by: everyone, wait: 30s }]'
  const routes = 'routes: [{ match: POST /a }, { match: POST /b, limits: [100/minute] }]'
  const { url } = await startTestGateway(`${limits}\n${routes}`, upstream.listener)
  const targets = ['/a?0', '/b?1', '/b?2', '/c?3', '/a?4', '/b?5']
  const socket = openSocket(url)
  for (const target of targets) socket.write(head(target))
  for (const _ of targets) {
    await until(() => upstream.pending.length === 1)
    upstream.respond()
  }
  await until(() => socket.text().split('HTTP/1.1 200 OK').length === targets.length + 1)
  expect(upstream.requests).toEqual(targets)
})

it('the gateway serves requests that waited before a reload first, with the limits that they arrived under', async () => {
  const upstream = manualUpstream()
  const routes = 'routes: [{ match: POST /a }, { match: POST /b }]'
  const limits = (slots: number) => `limits: [{ concurrent: ${slots}, by: everyone, wait: 30s }]\n${routes}`
  const { url, adminUrl, gateway, configOf } = await startTestGateway(limits(1), upstream.listener)
  const waiting = async () => {
    const { text } = await send(adminUrl, '/metrics', { method: 'GET' })
    const counts = [...text.matchAll(/sluice_waiting_requests\{.*\} (\d+)\n/g)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const socket = openSocket(url)
  socket.write(head('/a?0') + head('/b?1') + head('/a?2'))
  await until(async () => upstream.pending.length === 1 && (await waiting()) === 2)
  await gateway.apply(configOf(limits(1)))
  const late = openSocket(url)
  late.write(head('/b?3') + head('/a?4'))
  await until(async () => (await waiting()) === 4)
  for (let number = 0; number < 5; number++) {
    await until(() => upstream.pending.length === 1)
    upstream.respond()
  }
  await until(() => socket.text().split('HTTP/1.1 200 OK').length === 4)
  await until(() => late.text().split('HTTP/1.1 200 OK').length === 3)
  expect(upstream.requests).toEqual(['/a?0', '/b?1', '/a?2', '/b?3', '/a?4'])
})

it('the gateway responds with 503 and a retry time to requests that time out in the queue or exceed its length', async () => {
  const upstream = manualUpstream()
  const { url } = await startTestGateway(queueConfig('150ms', 1), upstream.listener)
  const first = send(url, '/predict')
  await until(() => upstream.pending.length === 1)
  const [late, crowded] = await Promise.all([send(url, '/predict'), send(url, '/predict')])
  for (const refused of [late, crowded]) {
    expect(refused.status).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(JSON.parse(refused.text)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      reason: 'busy',
    })
  }
  upstream.respond()
  expect((await first).status).toBe(200)
  expect(upstream.requests).toHaveLength(1)
})

it('the gateway responds with 429 and a retry time to requests that wait for a rate in vain', async () => {
  const requests: string[] = []
  const { url } = await startTestGateway(
    'routes: [{ match: POST /predict, limits: [{ limit: 1/second, by: everyone, wait: 1500ms, queue: 4 }] }]',
    (request, response) => {
      requests.push(String(request.url))
      response.end('done')
    },
  )
  // One connection ensures that the requests arrive in this order: the first is admitted, the second
  // waits a second, the third times out, and the fourth finds half of the queue in use by its client.
  const socket = openSocket(url)
  for (let number = 0; number < 4; number++) socket.write(head(`/predict?${number}`))
  await until(() => socket.text().split('HTTP/1.1 ').length === 5)
  expect([...socket.text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
    '200',
    '200',
    '429',
    '429',
  ])
  expect([...socket.text().matchAll(/retry-after: (\d+)/gi)].map(([, after]) => after)).toEqual(['1', '3'])
  expect(socket.text().match(/"reason":"exceeded"/g)).toHaveLength(2)
  expect(requests).toEqual(['/predict?0', '/predict?1'])
})

it('the gateway removes a queued request when its client disconnects', async () => {
  const upstream = manualUpstream()
  const { url, adminUrl } = await startTestGateway(queueConfig('30s', 5), upstream.listener)
  const isQueueEmpty = async () =>
    /sluice_waiting_requests\{.*\} 0\n/.test((await send(adminUrl, '/metrics', { method: 'GET' })).text)
  const first = send(url, '/predict?first')
  await until(() => upstream.pending.length === 1)
  const leaving = Array.from({ length: 6 }, () => openSocket(url))
  for (const socket of leaving) socket.write(head('/predict?gone'))
  // The queue holds five of them, and the sixth is refused.
  await until(() => leaving.some((socket) => socket.text().startsWith('HTTP/1.1 503')))
  for (const socket of leaving) socket.resetAndDestroy()
  await until(isQueueEmpty)
  const last = send(url, '/predict?last')
  upstream.respond()
  expect((await first).status).toBe(200)
  await until(() => upstream.pending.length > 0)
  upstream.respond()
  expect((await last).status).toBe(200)
  expect(upstream.requests).toEqual(['/predict?first', '/predict?last'])
})

function head(target: string): string {
  return `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`
}

/** Opens a raw connection. */
function openSocket(url: string) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => {
    socket.destroy()
  })
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  return Object.assign(socket, { text: () => text })
}

it('the gateway queues a request with an unreadable address if no rule needs the address', async () => {
  const upstream = manualUpstream()
  const { url } = await startTestGateway(
    `identity: { trusted_proxies: [127.0.0.1/32, '::1/128'] }\n${queueConfig('30s')}`,
    upstream.listener,
  )
  const request = () => send(url, '/predict', { headers: { 'x-forwarded-for': 'not an address' } })
  const [first, second] = [request(), request()]
  await until(() => upstream.pending.length === 1)
  upstream.respond()
  await until(() => upstream.pending.length === 1)
  upstream.respond()
  expect([(await first).status, (await second).status]).toEqual([200, 200])
})
