import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePorts, ROOT, type Stack, startStack } from './stack.js'

describe('npm start', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack()
  })
  afterAll(() => stack?.stop())

  const post = (path: string, body: unknown) =>
    fetch(`http://127.0.0.1:${stack.port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('prints the address and commands to try', () => {
    expect(stack.output()).toContain(`http://127.0.0.1:${stack.port}`)
    expect(stack.output()).toContain(`curl -i -X POST localhost:${stack.port}/predict`)
  })

  it.each([
    {
      path: '/predict',
      body: { features: [1, 2, 3] },
      limit: 10,
      window: 60,
      text: '10 requests per minute',
    },
    {
      path: '/batch-predict',
      body: { data: [[1, 2, 3]] },
      limit: 2,
      window: 60,
      text: '2 requests per minute',
    },
    {
      path: '/predict/batch',
      body: [{ features: [1, 2, 3] }],
      limit: 5,
      window: 300,
      text: '5 requests per 5 minutes',
    },
    {
      path: '/models/lightweight/predict',
      body: { data: [1, 2, 3] },
      limit: 100,
      window: 60,
      text: '100 requests per minute',
    },
    {
      path: '/models/heavy/predict',
      body: { data: [1, 2, 3] },
      limit: 10,
      window: 60,
      text: '10 requests per minute',
    },
    {
      path: '/models/batch-process',
      body: [[1, 2, 3]],
      limit: 2,
      window: 300,
      text: '2 requests per 5 minutes',
    },
  ])('admits $limit requests to $path and refuses one more', async ({ path, body, limit, window, text }) => {
    for (let count = 0; count < limit; count++) {
      const response = await post(path, body)
      expect([count, response.status]).toEqual([count, 200])
      await response.json()
    }
    const refused = await post(path, body)
    expect(refused.status).toBe(429)
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(window)
    expect(refused.headers.get('ratelimit-policy')).toBe(`"requests";q=${limit};w=${window}`)
    expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=\d+$/)
    const { detail } = (await refused.json()) as { detail: string }
    expect(detail).toContain(text)
    expect(detail).toMatch(/Try again in (\d+ minutes?)?( ?\d+ seconds?)?\.$/)
  })

  it('never refuses GET /model-info', async () => {
    for (let count = 0; count < 1000; count++) {
      const response = await fetch(`http://127.0.0.1:${stack.port}/model-info`)
      expect(response.status).toBe(200)
      await response.arrayBuffer()
    }
  })

  it('streams a completion event by event, with the exact usage', async () => {
    const response = await post('/v1/chat/completions', {
      messages: [{ role: 'user', content: 'How is a model served?' }],
      max_tokens: 20,
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const events = (await response.text()).split('\n\n').filter((event) => event !== '')
    expect(events.at(-1)).toBe('data: [DONE]')
    const usage = JSON.parse((events.at(-2) as string).slice('data: '.length)).usage
    expect(usage.completion_tokens).toBeGreaterThan(0)
    expect(usage.completion_tokens).toBeLessThanOrEqual(20)
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens)
  })
})

describe('npm start', () => {
  it.each(['PORT', 'ADMIN_PORT', 'MODEL_PORT'])(
    'prints one line and exits if the port of %s is in use',
    async (name) => {
      const occupied = createServer().listen(0, '127.0.0.1')
      await once(occupied, 'listening')
      const { port } = occupied.address() as AddressInfo
      const names = ['PORT', 'ADMIN_PORT', 'MODEL_PORT']
      const free = await freePorts(names.length)
      const ports = Object.fromEntries(
        names.map((each, index) => [each, `${each === name ? port : free[index]}`]),
      )
      const child = spawn(process.execPath, ['scripts/start.js'], {
        cwd: ROOT,
        env: { ...process.env, ...ports },
      })
      let errors = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        errors += text
      })
      const [code] = await once(child, 'close')
      occupied.close()
      expect(code).toBe(1)
      expect(errors).toMatch(new RegExp(`^.*port ${port}.* in use.*\n$`))
    },
  )
})

describe('npm start', () => {
  const SIGNALS = [
    { name: 'SIGTERM to npm', signal: 'SIGTERM', toGroup: false },
    { name: 'SIGKILL to npm', signal: 'SIGKILL', toGroup: false },
    { name: 'SIGINT to its group', signal: 'SIGINT', toGroup: true },
    { name: 'SIGTERM to its group', signal: 'SIGTERM', toGroup: true },
  ] as const

  it.each(SIGNALS)('frees its ports and leaves no process after $name', async ({ signal, toGroup }) => {
    const stack = await startStack()
    onTestFinished(() => stack.stop())
    expect(stack.processes().length).toBeGreaterThanOrEqual(3)
    process.kill(toGroup ? -stack.pid : stack.pid, signal)
    await expect.poll(() => stack.processes(), { timeout: 30_000 }).toEqual([])
    // Each port is free again.
    for (const port of [stack.port, stack.adminPort, stack.modelPort]) {
      const server = createServer().listen(port, '127.0.0.1')
      await once(server, 'listening')
      await once(server.close(), 'close')
    }
  })
})
