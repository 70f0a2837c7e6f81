import fc from 'fast-check'
import type { ServerLoad } from 'sluice/internal'
import { describe, expect, it } from 'vitest'
import { MAX_PAGE_BYTES, parseServerLoad } from '../../../src/server/upstreams/model-server-load.js'
import * as pages from './metrics-pages.js'

describe('the load of a model server', () => {
  it.each<[server: string, page: string, waiting: number, memoryUsed: number | undefined]>([
    ['vLLM', pages.VLLM, 7, 0.9375],
    ['vLLM 0', pages.VLLM_0, 1, 0.041],
    ['vLLM in OpenMetrics', pages.VLLM_OPENMETRICS, 5, 0.25],
    ['SGLang', pages.SGLANG, 2826, 0.28],
    ['SGLang on several ranks', pages.SGLANG_PARALLEL, 9, 0.75],
    ['SGLang with priorities', pages.SGLANG_PRIORITIES, 7, 0.5],
    ['TensorRT-LLM in Triton', pages.TRITON, 4, 0.4875],
    ['trtllm-serve', pages.TRTLLM_SERVE, 9, 0.62],
    ['llama.cpp', pages.LLAMA_CPP, 46, undefined],
    ['llama.cpp that reports its memory', pages.LLAMA_CPP_WITH_MEMORY, 0, 0.491063],
    ['TGI', pages.TGI, 12, undefined],
  ])('is read from the page of %s, with any line breaks', (_, page, waiting, memoryUsed) => {
    expect(parseServerLoad(page)).toEqual({ waiting, memoryUsed })
    expect(parseServerLoad(page.replaceAll('\n', '\r\n'))).toEqual({ waiting, memoryUsed })
  })

  it('is matched by whole names of metrics and labels', () => {
    const others = [
      'nv_trt_llm_request_metrics{xrequest_type="waiting"} 1',
      'nv_trt_llm_request_metrics{model="request_type=\\"waiting\\"",request_type="active"} 1',
      'nv_trt_llm_request_metrics{request_type="waiting "} 1',
      'nv_trt_llm_request_metrics 1',
      'tgi_queue_size_total 1',
      'xtgi_queue_size 1',
    ]
    expect(parseServerLoad(others.join('\n'))).toBeUndefined()
    expect(parseServerLoad('nv_trt_llm_request_metrics{ request_type = "waiting", } 2')?.waiting).toBe(2)
  })

  it('ignores values that are not possible', () => {
    const waiting = ['NaN', '+Inf', '-1', '1e300'].map((value) => `tgi_queue_size ${value}\n`).join('')
    expect(parseServerLoad(waiting)).toBeUndefined()
    const memory = ['NaN', '-0.1', '25.0'].map((value) => `vllm:kv_cache_usage_perc ${value}\n`).join('')
    expect(parseServerLoad(`${memory}${waiting}tgi_queue_size 2`)).toEqual({
      waiting: 2,
      memoryUsed: undefined,
    })
  })

  it('is unknown if no waiting requests are reported', () => {
    for (const page of [
      '',
      '<html>',
      '{"waiting": 5}',
      'http_requests_total 5',
      'vllm:kv_cache_usage_perc 0.5',
    ])
      expect(parseServerLoad(page)).toBeUndefined()
  })

  it('is not read from a page of more than 4 MiB', () => {
    const page = 'tgi_queue_size 2\n'.padEnd(MAX_PAGE_BYTES, '#')
    expect(parseServerLoad(page)).toEqual({ waiting: 2, memoryUsed: undefined })
    expect(parseServerLoad(`${page}#`)).toBeUndefined()
  })

  it('is the sum of what waits and the fullest memory, whatever the order of the samples', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 30 }), (samples) => {
        expect(parseServerLoad(samples.map(({ text }) => text).join('\n'))).toEqual(slowLoad(samples))
      }),
      { seed: 19, numRuns: 1000 },
    )
  })

  it('is a possible load or unknown, whatever the text', () => {
    const piece = fc.oneof(
      fc.constantFrom('tgi_queue_size', 'sglang:num_queue_reqs', 'vllm:kv_cache_usage_perc', 'request_type'),
      fc.constantFrom('{', '}', '"', '=', ',', '\\', ' ', '\n', '\r', '#', '1e400', '-3', '0.5', '7', 'NaN'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const load = parseServerLoad(pieces.join(''))
        if (load === undefined) return
        expect(Number.isFinite(load.waiting) && load.waiting >= 0).toBe(true)
        const { memoryUsed = 0 } = load
        expect(memoryUsed >= 0 && memoryUsed <= 1).toBe(true)
      }),
      { seed: 19, numRuns: 2000 },
    )
  })
})

interface LoadSample {
  readonly text: string
  /** Samples of one engine report the same requests. */
  readonly engine?: string
  readonly waiting?: number
  readonly memoryUsed?: number
}

const sample: fc.Arbitrary<LoadSample> = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(9)).map(([engine, waiting]) => ({
    text: `vllm:num_requests_waiting{engine="${engine}"} ${waiting}`,
    waiting,
  })),
  fc.tuple(fc.nat(2), fc.nat(2), fc.nat(9)).map(([rank, stage, waiting]) => ({
    text: `sglang:num_queue_reqs{dp_rank="${rank}",pp_rank="${stage}"} ${waiting}`,
    engine: `${rank}`,
    waiting,
  })),
  fc.nat(9).map((waiting) => ({ text: `sglang:num_queue_reqs{priority="1"} ${waiting}` })),
  fc.constantFrom('waiting', 'active').map((type) => ({
    text: `nv_trt_llm_request_metrics{request_type="${type}"} 3`,
    ...(type === 'waiting' && { waiting: 3 }),
  })),
  fc
    .tuple(fc.constantFrom('vllm:gpu_cache_usage_perc', 'sglang:token_usage'), fc.nat(100))
    .map(([name, percent]) => ({ text: `${name} ${percent / 100}`, memoryUsed: percent / 100 })),
)

function slowLoad(samples: readonly LoadSample[]): ServerLoad | undefined {
  const counts = samples.flatMap(({ waiting, engine }) =>
    waiting === undefined ? [] : [{ waiting, engine }],
  )
  if (counts.length === 0) return undefined
  const alone = counts.flatMap(({ waiting, engine }) => (engine === undefined ? [waiting] : []))
  const engines = new Set(counts.flatMap(({ engine }) => engine ?? []))
  const repeated = [...engines].map((each) =>
    Math.max(...counts.flatMap(({ waiting, engine }) => (engine === each ? [waiting] : []))),
  )
  const memory = samples.flatMap(({ memoryUsed }) => memoryUsed ?? [])
  return {
    waiting: [...alone, ...repeated].reduce((sum, each) => sum + each, 0),
    memoryUsed: memory.length === 0 ? undefined : Math.max(...memory),
  }
}
