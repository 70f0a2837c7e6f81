import { grid } from '../search.js'
import type { AibrixAimdOptions } from './gates/aibrix-aimd.js'
import type { EnvoyGradientOptions } from './gates/envoy-gradient.js'
import type { Gradient2Options } from './gates/gradient2.js'
import type { VegasOptions } from './gates/vegas.js'
import type { LeastAttainedServiceOptions } from './lines/least-attained-service-line.js'

/** The settings that are tried for each contender with parameters: twelve each, defaults included. */
export const VEGAS_SETTINGS = grid<VegasOptions>({
  initialLimit: [20, 200],
  queueScale: [1, 4, 16],
  smoothing: [1, 0.2],
})

export const GRADIENT2_SETTINGS = grid<Gradient2Options>({
  tolerance: [1.5, 2.5, 5],
  queueSize: [4, 16],
  longWindow: [600, 100],
})

export const ENVOY_SETTINGS = grid<EnvoyGradientOptions>({
  percentile: [0.5, 0.9],
  buffer: [0.25, 1, 3],
  remeasureEveryMs: [60_000, 300_000],
})

export const AIBRIX_SETTINGS = grid<AibrixAimdOptions>({
  initialLimit: [16, 256],
  healthyWindow: [8],
  slowdown: [1.75, 3, 6],
  decrease: [0.8, 0.95],
})

export const LEAST_ATTAINED_SERVICE_SETTINGS = grid<LeastAttainedServiceOptions>({
  serviceWeight: [0.5, 0.8, 1],
  halfLifeMs: [15_000, 60_000, 240_000, 960_000],
})

/** Limits on the requests in flight, from a few to more than any server here can batch. */
export const STATIC_LIMITS = [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 640, 768, 1_024] as const
