import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { freePorts, ROOT } from './stack.js'

// Runs the listings and commands of docs/from-fastapi.md against a real FastAPI app.

const run = promisify(execFile)
const PYTHON = '/usr/bin/python3'
const SLUICE = join(ROOT, 'packages/gateway/bin/sluice.js')

const hasFastApi = spawnSync(PYTHON, ['-c', 'import fastapi, uvicorn']).status === 0
if (!hasFastApi) {
  console.warn(
    `skipping the FastAPI tests: ${PYTHON} lacks fastapi and uvicorn (apt-get install python3-fastapi python3-uvicorn)`,
  )
}

const stops: (() => Promise<void>)[] = []

/**
 * Runs a program until the end of the tests, and waits until a URL responds.
 *
 * @returns a function that returns the output of the program
 */
async function start(
  program: string,
  args: readonly string[],
  cwd: string,
  readyUrl: string,
): Promise<() => string> {
  const child = spawn(program, args, { cwd, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'close')
  stops.push(async () => {
    child.kill('SIGINT')
    await ended
  })
  await vi.waitFor(
    async () => {
      if ((await fetch(readyUrl)).ok) return
      throw new Error(`${program} does not respond yet:\n${output}`)
    },
    { timeout: 50_000, interval: 50 },
  )
  return () => output
}

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

describe.runIf(hasFastApi)('a typical hand-written limiter for FastAPI', () => {
  let url = ''
  let output = () => ''
  beforeAll(async () => {
    const [port] = await freePorts(1)
    url = `http://127.0.0.1:${port}`
    const uvicorn = ['-m', 'uvicorn', 'naive_listings:app', '--host', '127.0.0.1', '--port', String(port)]
    output = await start(PYTHON, uvicorn, join(ROOT, 'test'), url)
  })

  const limits = async (path: string, headers: Record<string, string> = {}) => {
    const reported: (string | null)[] = []
    for (let call = 0; call < 3; call++)
      reported.push((await fetch(`${url}${path}`, { method: 'POST', headers })).headers.get('x-limit'))
    return reported
  }

  it('loses its requests when a limiter with a shorter period cleans up', async () => {
    const post = async (path: string, second: number) =>
      (await fetch(`${url}${path}`, { method: 'POST', headers: { 'x-now': String(second) } })).status
    for (let call = 0; call < 5; call++) expect(await post('/batch', 0)).toBe(200)
    expect(await post('/batch', 1)).toBe(429)
    expect(await post('/predict', 62)).toBe(200)
    // The limit of five in 300 seconds is used up, but this request is admitted.
    expect(await post('/batch', 63)).toBe(200)
  })

  it('responds with 500 to each request, because awaiting the result is a TypeError', async () => {
    expect((await fetch(`${url}/awaited`, { method: 'POST' })).status).toBe(500)
    await expect
      .poll(output, { timeout: 30_000 })
      .toContain("TypeError: object bool can't be used in 'await' expression")
  })

  it('multiplies the limit of all clients with each premium request', async () => {
    expect(await limits('/tiers', { 'x-api-key': 'key-of-acme' })).toEqual(['100', '500', '2500'])
  })

  it('divides the limit with each request while the model warms up', async () => {
    expect(await limits('/warm-up')).toEqual(['10', '2', '1'])
  })
})

describe.runIf(hasFastApi)('the gateway in front of a FastAPI app', () => {
  let page = ''
  let folder = ''
  let key = ''
  let url = ''

  beforeAll(async () => {
    page = await readFile(join(ROOT, 'docs/from-fastapi.md'), 'utf8')
    folder = await mkdtemp(join(tmpdir(), 'sluice-from-fastapi-'))
    const [port, adminPort, appPort] = await freePorts(3)
    url = `http://127.0.0.1:${port}`
    await writeFile(join(folder, 'main.py'), listing('python'))
    await writeFile(join(folder, 'gateway.yaml'), listing('yaml'))

    const keyNew = /`npx sluice-gateway (key new [^`]*)`/.exec(page)?.[1] as string
    const { stdout } = await run(process.execPath, [SLUICE, ...keyNew.split(' ')], { cwd: folder })
    key = /sluice_\w+/.exec(stdout)?.[0] as string

    const uvicorn = /`(uvicorn [^`]*)`/.exec(page)?.[1]?.replace('9000', `${appPort}`) as string
    await start(PYTHON, ['-m', ...uvicorn.split(' ')], folder, `http://127.0.0.1:${appPort}/model-info`)
    await start(
      process.execPath,
      [
        ...[SLUICE, 'serve', 'gateway.yaml', '--listen', `127.0.0.1:${port}`],
        ...['--admin', `127.0.0.1:${adminPort}`, '--upstream', `http://127.0.0.1:${appPort}`],
      ],
      folder,
      `http://127.0.0.1:${adminPort}/readyz`,
    )
  })
  afterAll(() => rm(folder, { recursive: true }))

  function listing(language: string): string {
    const section = page.slice(page.indexOf('## Put the gateway'))
    return new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(section)?.[1] as string
  }

  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const row = { features: [1, 2, 3] }

  it('forwards the responses of the app, including its refusals', async () => {
    const response = await post('/predict', row, { 'x-api-key': key })
    expect(await response.json()).toMatchObject({ prediction: 6 })
    expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=50;w=60')
    const wrong = await post('/predict', { features: 'none' }, { 'x-api-key': key })
    expect(wrong.status).toBe(422)
    expect(await wrong.json()).toMatchObject({ detail: [{ loc: ['body', 'features'] }] })
    expect((await fetch(`${url}/docs`)).status).toBe(200)
  })

  it("forwards the client's real address to the app, not a spoofed one", async () => {
    // Not from the gateway's own address, which uvicorn would treat as another proxy.
    const from = ['--interface', '127.0.0.2', '-H', 'x-forwarded-for: 203.0.113.7', '-H', `x-api-key: ${key}`]
    const body = ['-H', 'content-type: application/json', '-d', JSON.stringify(row)]
    const { stdout } = await run('curl', ['-s', ...from, ...body, `${url}/predict`])
    expect(JSON.parse(stdout)).toEqual({ prediction: 6, client: '127.0.0.2' })
  })

  it('admits 10 of the 12 requests that the curl loop of the page sends', async () => {
    const loop = listing('sh').replace('localhost:8080', new URL(url).host)
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', loop])
    expect(stdout.trim().split(/\s+/)).toEqual(['10', '200', '2', '429'])
    // Neither another spelling of the path nor a claimed tier makes a difference.
    expect((await post('//predict', row, { 'x-user-tier': 'premium' })).status).toBe(429)
    expect((await post('/predict', row, { 'x-api-key': key })).status).toBe(200)
  })

  it('charges batches by their rows', async () => {
    const batch = { data: Array(101).fill([1, 2, 3]) }
    const oversized = await post('/batch-predict', batch)
    expect(oversized.status).toBe(429)
    expect(await oversized.json()).toMatchObject({ reason: 'oversized' })
    expect((await post('/batch-predict', { data: [[1, 2], [3]] })).status).toBe(200)
    expect((await post('/batch-predict', { data: [[1]] })).status).toBe(200)
    expect((await post('/batch-predict', { data: [[1]] })).status).toBe(429)
  })

  it('admits only keys of the premium tier to the premium route', async () => {
    const refused = await post('/premium/predict', row, { 'x-user-tier': 'premium' })
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ detail: 'Premium access required' })
    const admitted = await post('/premium/predict', row, { authorization: `Bearer ${key}` })
    expect(await admitted.json()).toEqual({ prediction: 3 })
  })

  it('does not limit the model card', async () => {
    const statuses = new Set<number>()
    for (let request = 0; request < 100; request++) statuses.add((await fetch(`${url}/model-info`)).status)
    expect([...statuses]).toEqual([200])
  })
})
