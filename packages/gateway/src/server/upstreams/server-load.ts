/** The load of a model server by its own metrics. */
export interface ServerLoad {
  /** Requests that wait in the server. */
  readonly waiting: number
  /** The used part of the memory for running requests, from 0 to 1; undefined if not reported. */
  readonly memoryUsed: number | undefined
}

/** A metric that some server reports. */
interface KnownMetric {
  readonly name: string
  /** A label that the series must have, as `name="value"`. */
  readonly label?: string
}

/** Requests that wait, by server: vLLM, SGLang, Triton with TensorRT-LLM, TensorRT-LLM, TGI, llama.cpp. */
const WAITING: readonly KnownMetric[] = [
  { name: 'vllm:num_requests_waiting' },
  { name: 'sglang:num_queue_reqs' },
  { name: 'nv_trt_llm_request_metrics', label: 'request_type="waiting"' },
  { name: 'trtllm_num_requests_waiting' },
  { name: 'tgi_queue_size' },
  { name: 'llamacpp:requests_deferred' },
]

const MEMORY_USED: readonly KnownMetric[] = [
  { name: 'vllm:kv_cache_usage_perc' },
  { name: 'vllm:gpu_cache_usage_perc' },
  { name: 'sglang:token_usage' },
  { name: 'nv_trt_llm_kv_cache_block_metrics', label: 'kv_cache_block_type="fraction"' },
]

/** A sample of the Prometheus text format: name, labels in braces, value. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{([^\n]*)\})?[ \t]+(\S+)/

/**
 * Reads the load from the metrics of a model server, in the Prometheus text format. Sums the
 * requests that wait over all series, such as those of several models or engines, and takes the fullest
 * memory. Undefined if no metric of a known server is among them.
 */
export function parseServerLoad(text: string): ServerLoad | undefined {
  let waiting: number | undefined
  let memoryUsed: number | undefined
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const [, name, labels = '', written] = SAMPLE.exec(line) ?? []
    if (name === undefined) continue
    const value = Number(written)
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) continue
    const isOf = (metric: KnownMetric) =>
      metric.name === name && (metric.label === undefined || labels.includes(metric.label))
    if (WAITING.some(isOf)) waiting = (waiting ?? 0) + value
    else if (MEMORY_USED.some(isOf)) memoryUsed = Math.max(memoryUsed ?? 0, Math.min(1, value))
  }
  return waiting === undefined ? undefined : { waiting, memoryUsed }
}
