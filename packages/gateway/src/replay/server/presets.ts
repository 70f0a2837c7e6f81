import type { ServerFigures } from './server-figures.js'

/**
 * Figures of model servers that were measured by others.
 *
 * - `llama-3.1-8b-a100`, `qwen2.5-7b-h100`, `qwen3-14b-h100`, `llama-3.3-70b-h100x4`: vLLM 0.8.4, fitted
 *   by BLIS: github.com/inference-sim/inference-sim, `defaults.yaml` at 517fe652 (`beta_coeffs`, and
 *   `total_kv_blocks` of 16 tokens). The fit ignores 2 to 5 ms between steps and overestimates the
 *   capacity of a saturated server by up to a quarter (its issues 480 and 482).
 * - `llama-2-7b-a10g`: S-LoRA as in "Fairness in Serving Large Language Models" (OSDI 2024):
 *   github.com/Ying1123/VTC-artifact at 192c2e2. The time to read a token is its profile; the other
 *   two are fitted to its throughput of 779 tokens per second.
 *
 * Compare policies on one preset. Do not read absolute times from them.
 */
export const SERVER_PRESETS = {
  'llama-3.1-8b-a100': vllm(16.44, 47.8, 18.2, 467_280, 2048),
  'qwen2.5-7b-h100': vllm(7.05, 19.5, 25.4, 1_082_544, 8192),
  'qwen3-14b-h100': vllm(13.58, 39.4, 27.3, 281_600, 2048),
  'llama-3.3-70b-h100x4': vllm(12.6, 76.4, 66.8, 2_052_368, 2048),
  'llama-2-7b-a10g': {
    step: { fixedMs: 24, perPrefillTokenMs: 0.21, perRequestMs: 0.85 },
    ...{ kvTokens: 10_000, maxSeqs: 1000, maxBatchedTokens: 3072, admits: 'peak', replicas: 1 },
  },
} as const satisfies Record<string, ServerFigures>

export type ServerPreset = keyof typeof SERVER_PRESETS

function vllm(
  fixedMs: number,
  perPrefillTokenUs: number,
  perRequestUs: number,
  kvTokens: number,
  maxBatchedTokens: number,
): ServerFigures {
  const step = { fixedMs, perPrefillTokenMs: perPrefillTokenUs / 1000, perRequestMs: perRequestUs / 1000 }
  return { step, kvTokens, maxSeqs: 256, maxBatchedTokens, admits: 'prompt', replicas: 1 }
}
