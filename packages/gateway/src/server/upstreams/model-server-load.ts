import type { ServerLoad } from 'sluice/internal'
import { type PrometheusSample, prometheusSamples } from './prometheus-samples.js'

/** Maximum size of a page of metrics. */
export const MAX_PAGE_BYTES = 4 * 1024 * 1024

/** A metric of a model server. */
interface KnownMetric {
  readonly name: string
  /** A label that its samples must have. The empty value also means that the label is missing. */
  readonly label?: readonly [name: string, value: string]
  /** Labels that number the processes of one engine. Each of them reports the same requests. */
  readonly processLabels?: readonly string[]
}

/*
 * The names are documented by
 * - vLLM: https://docs.vllm.ai/en/stable/usage/metrics, and `gpu_cache_usage_perc` for version 0
 *   in https://docs.vllm.ai/en/v0.5.5/serving/metrics.html;
 * - SGLang: https://docs.sglang.io/references/production_metrics.html, the labels by
 *   `observability/metrics_collector.py`;
 * - TensorRT-LLM in Triton: https://github.com/triton-inference-server/tensorrtllm_backend (README);
 * - TensorRT-LLM alone, at `/prometheus/metrics`: `tensorrt_llm/metrics/collector.py`;
 * - llama.cpp: `tools/server/README.md`. Newer versions do not report the used memory;
 * - TGI: https://huggingface.co/docs/text-generation-inference/reference/metrics.
 */

/** The requests that wait in a server. */
const WAITING: readonly KnownMetric[] = [
  { name: 'vllm:num_requests_waiting' },
  {
    name: 'sglang:num_queue_reqs',
    // With priorities, the samples of each priority follow the total, whose label is empty.
    label: ['priority', ''],
    processLabels: ['tp_rank', 'pp_rank', 'moe_ep_rank'],
  },
  { name: 'nv_trt_llm_request_metrics', label: ['request_type', 'waiting'] },
  { name: 'trtllm_num_requests_waiting' },
  { name: 'llamacpp:requests_deferred' },
  { name: 'tgi_queue_size' },
]

/** The used part of the memory for requests that run. */
const MEMORY_USED: readonly KnownMetric[] = [
  { name: 'vllm:kv_cache_usage_perc' },
  { name: 'vllm:gpu_cache_usage_perc' },
  { name: 'sglang:token_usage' },
  { name: 'nv_trt_llm_kv_cache_block_metrics', label: ['kv_cache_block_type', 'fraction'] },
  { name: 'trtllm_kv_cache_utilization' },
  { name: 'llamacpp:kv_cache_usage_ratio' },
]

/** The metrics of which a page must have one, for messages. */
export const WAITING_METRICS: readonly string[] = WAITING.map(({ name, label }) =>
  label === undefined || label[1] === '' ? name : `${name}{${label[0]}="${label[1]}"}`,
)

const WAITING_BY_NAME = byName(WAITING)
const MEMORY_USED_BY_NAME = byName(MEMORY_USED)
const NAMES: ReadonlySet<string> = new Set([...WAITING_BY_NAME.keys(), ...MEMORY_USED_BY_NAME.keys()])

/**
 * Reads the load from the metrics page of a model server. The requests that wait are summed over
 * its engines, models and data-parallel ranks. The memory is that of the fullest one. Values that are
 * not possible, such as a negative count or a memory above 1, are ignored.
 *
 * @returns undefined if the page reports no waiting requests, or is larger than `MAX_PAGE_BYTES`
 */
export function parseServerLoad(text: string): ServerLoad | undefined {
  if (text.length > MAX_PAGE_BYTES) return undefined
  let hasWaiting = false
  let waiting = 0
  let memoryUsed: number | undefined
  /** The waiting requests of engines that report them more than once. */
  const repeated = new Map<string, number>()
  for (const sample of prometheusSamples(text, NAMES)) {
    const { name, value } = sample
    const metric = WAITING_BY_NAME.get(name)
    if (metric === undefined) {
      const isFraction = value >= 0 && value <= 1 && isOf(MEMORY_USED_BY_NAME.get(name), sample)
      if (isFraction) memoryUsed = Math.max(memoryUsed ?? 0, value)
      continue
    }
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER && isOf(metric, sample))) continue
    hasWaiting = true
    const engine = metric.processLabels && engineOf(sample, metric.processLabels)
    const counted = engine === undefined ? 0 : (repeated.get(engine) ?? 0)
    waiting += Math.max(0, value - counted)
    if (engine !== undefined) repeated.set(engine, Math.max(counted, value))
  }
  return hasWaiting ? { waiting, memoryUsed } : undefined
}

function byName(metrics: readonly KnownMetric[]): ReadonlyMap<string, KnownMetric> {
  return new Map(metrics.map((metric) => [metric.name, metric]))
}

function isOf(metric: KnownMetric | undefined, { labels }: PrometheusSample): boolean {
  if (metric?.label === undefined) return true
  const [name, value] = metric.label
  return (labels.get(name) ?? '') === value
}

/** Identifies the engine of a sample by the labels that do not number its processes. */
function engineOf({ name, labels }: PrometheusSample, processLabels: readonly string[]): string {
  return JSON.stringify([name, ...[...labels].filter(([label]) => !processLabels.includes(label))])
}
