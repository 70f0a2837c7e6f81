import { send } from '../gateway/running-gateway.js'
import { message, rawClient } from '../proxy/raw-client.js'
import type { PlantedGateway, RunningGateway } from './planted-gateway.js'

/** A response of the gateway: its head and body. */
export interface ClientResponse {
  readonly where: string
  readonly status: number
  readonly text: string
  /** True for a response of an upstream, which may repeat what it received. */
  readonly passedThrough: boolean
}

/**
 * Sends requests with every credential of clients, valid and invalid, to every route.
 *
 * @param keys the keys that the gateway knows
 */
export async function sendClientTraffic(
  { secrets, tokens }: PlantedGateway,
  { url }: RunningGateway,
  keys: readonly string[],
): Promise<ClientResponse[]> {
  const responses: ClientResponse[] = []
  const ask = async (target: string, headers: object = {}, body = '{}', method = 'POST') => {
    const response = await send(url, target, { method, headers, body })
    const text = `${JSON.stringify(response.headers)}\n${response.text}`
    const where = `response to ${method} ${target.split('?')[0]}`
    const { status } = response
    const passedThrough = status === 500 || response.text.includes(secrets.completion)
    responses.push({ where, status, text, passedThrough })
  }
  const bearers = [
    ...keys,
    secrets.unknownKey,
    ...Object.values(tokens).filter((each) => typeof each === 'string'),
  ]
  const chat = JSON.stringify({
    model: 'big',
    max_tokens: 9,
    messages: [{ role: 'user', content: secrets.prompt }],
  })
  for (const bearer of bearers) {
    const authorization = `Bearer ${bearer}`
    await ask('/v1/chat/completions', { authorization }, chat)
    await ask('/v1/chat/completions', { authorization }, chat.slice(0, -9))
    for (let count = 0; count < 3; count++) await ask('/limited', { authorization })
    await ask('/limited', { 'x-api-key': bearer })
    await ask('/limited', { X_API_KEY: bearer })
    await ask('/limited', { 'x-goog-api-key': bearer })
    await ask('/limited', { authorization: `Basic ${Buffer.from(`user:${bearer}`).toString('base64')}` })
    for (const name of ['key', 'api_key', 'access_token']) await ask(`/limited?${name}=${bearer}`)
    await ask('/usage', { authorization }, '', 'GET')
    await ask(`/unknown?next=${encodeURIComponent(bearer)}`, { authorization }, '', 'GET')
  }
  for (let count = 0; count < 3; count++) {
    await ask('/session', { 'x-session': secrets.session })
    await ask('/cookie', { cookie: `session=${secrets.cookie}; other=1` })
    await ask('/limited', { 'x-client-id': 'proxied' })
  }
  const authorization = `Basic ${Buffer.from(`user:${secrets.basicPassword}`).toString('base64')}`
  for (const route of ['/echo', '/busy', '/dead', '/nonsense', '/tls']) {
    await ask(route, { authorization }, '', 'GET')
    await ask(`${route}?password=${encodeURIComponent(secrets.basicPassword)}`)
  }
  await ask('/chosen', { 'x-to': 'echo' })
  await ask('/chosen', { 'x-to': 'missing' })
  for (const lines of malformedRequests(secrets.targetPassword, secrets.unknownKey)) {
    const client = await rawClient(Number(new URL(url).port))
    client.send(lines)
    await client.closed
    const status = Number(/ (\d{3}) /.exec(client.received)?.[1])
    const passedThrough = client.received.includes(secrets.completion)
    responses.push({ where: 'response to a malformed request', status, text: client.received, passedThrough })
  }
  return responses
}

function malformedRequests(password: string, key: string): string[] {
  const end = ['Connection: close']
  return [
    message(`GET http://user:${password}@gateway/limited HTTP/1.1`, end),
    message(`GET http://user:${password}@[/limited HTTP/1.1`, end),
    message('GET /limited HTTP/1.1', [...end, `X-API-Key: ${key}`, `X-API-Key: ${key}`]),
    message('GET /limited HTTP/1.1', [...end, `X-API-Key: "${key}"`]),
    message('GET /limited HTTP/1.1', [...end, `Authorization: Bearer ${key}, Bearer ${key}`]),
    message(`GET /limited?api_key=${key} HTTP/9.9`, end),
    message('GET /limited HTTP/1.1', [...end, `X-API-Key ${key}`]),
    message('POST /limited HTTP/1.1', [...end, `Content-Length: ${key}`]),
    message(`GET /limited%zz?api_key=${key} HTTP/1.1`, end),
  ]
}
