import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Log } from '../../../src/server/logging/log.js'
import { parseServerLoad, type ServerLoad } from '../../../src/server/upstreams/server-load.js'
import { ServerLoadPolls } from '../../../src/server/upstreams/server-load-polls.js'

describe('the metrics of a model server', () => {
  it.each([
    [
      'vLLM',
      'vllm:num_requests_running{engine="0",model_name="a"} 8.0\nvllm:num_requests_waiting{engine="0",model_name="a"} 3.0\nvllm:kv_cache_usage_perc{engine="0"} 0.5\n',
      { waiting: 3, memoryUsed: 0.5 },
    ],
    [
      'an older vLLM',
      'vllm:num_requests_waiting 1\nvllm:gpu_cache_usage_perc 0.25\n',
      { waiting: 1, memoryUsed: 0.25 },
    ],
    [
      'SGLang',
      'sglang:num_queue_reqs{a="b"} 7\nsglang:token_usage{a="b"} 0.9\n',
      { waiting: 7, memoryUsed: 0.9 },
    ],
    [
      'Triton with TensorRT-LLM',
      'nv_trt_llm_request_metrics{model="m",request_type="scheduled",version="1"} 5\nnv_trt_llm_request_metrics{model="m",request_type="waiting",version="1"} 4\nnv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="m"} 0.1\n',
      { waiting: 4, memoryUsed: 0.1 },
    ],
    ['TGI', '# TYPE tgi_queue_size gauge\ntgi_queue_size 2\n', { waiting: 2, memoryUsed: undefined }],
    [
      'llama.cpp',
      'llamacpp:requests_processing 4\nllamacpp:requests_deferred 6\n',
      { waiting: 6, memoryUsed: undefined },
    ],
  ])('tell what waits in %s', (_server, text, load) => {
    expect(parseServerLoad(text)).toEqual(load)
  })

  it('are summed over engines and models, with the fullest memory', () => {
    const text =
      'vllm:num_requests_waiting{engine="0"} 3\nvllm:num_requests_waiting{engine="1"} 4\nvllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.7\n'
    expect(parseServerLoad(text)).toEqual({ waiting: 7, memoryUsed: 0.7 })
  })

  it('tell nothing if the server reports nothing that is known', () => {
    expect(parseServerLoad('http_requests_total 5\n')).toBeUndefined()
    expect(parseServerLoad('vllm:num_requests_waiting NaN\nvllm:num_requests_waiting -1\n')).toBeUndefined()
    expect(parseServerLoad('<html>not found</html>')).toBeUndefined()
  })

  it('never yield a load that is not a number, whatever the text', () => {
    const name = fc.constantFrom(
      'vllm:num_requests_waiting',
      'tgi_queue_size',
      'vllm:kv_cache_usage_perc',
      'x',
    )
    const value = fc.oneof(
      fc.double().map(String),
      fc.string(),
      fc.constantFrom('+Inf', 'NaN', '1e400', '0x10'),
    )
    const line = fc
      .tuple(name, fc.string(), value)
      .map(([id, labels, number]) => `${id}{${labels}} ${number}`)
    fc.assert(
      fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 20 }), (lines) => {
        const load = parseServerLoad(lines.join('\n'))
        if (load === undefined) return
        expect(Number.isFinite(load.waiting) && load.waiting >= 0).toBe(true)
        if (load.memoryUsed !== undefined) expect(load.memoryUsed >= 0 && load.memoryUsed <= 1).toBe(true)
      }),
      { seed: 19 },
    )
  })
})

describe('the polls of a model server', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  it('deliver each load, and log a server that fails once until it responds again', async () => {
    let answer: { status: number; body: string } = { status: 200, body: 'tgi_queue_size 2\n' }
    let polls = 0
    const server = await listening(
      createServer((_request, response) => {
        polls++
        response.writeHead(answer.status).end(answer.body)
      }),
    )
    closers.push(() => server.close())
    const { log, lines } = recordedLog()
    const loads: ServerLoad[] = []
    const poller = new ServerLoadPolls(log)
    closers.push(() => poller.stop())
    poller.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics?secret=1`, (load) => {
      loads.push(load)
    })
    await expect.poll(() => loads.length, { timeout: 10_000 }).toBe(1)
    expect(loads).toEqual([{ waiting: 2, memoryUsed: undefined }])

    answer = { status: 404, body: 'not here' }
    const failing = polls
    await expect.poll(() => polls - failing, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
    await expect.poll(() => lines.length).toBe(1)
    expect(lines[0]).toMatchObject({ level: 'warn', reason: 'it responded with status 404' })
    expect(JSON.stringify(lines)).not.toContain('secret')

    answer = { status: 200, body: 'tgi_queue_size 5\n' }
    await expect.poll(() => loads.at(-1)?.waiting, { timeout: 10_000 }).toBe(5)
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info'])
  })
})

function listening(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function recordedLog() {
  const lines: { level: string; reason?: string; message: string }[] = []
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, ...fields })
  }
  return { lines, log: { info: write('info'), warn: write('warn'), error: write('error') } as unknown as Log }
}
