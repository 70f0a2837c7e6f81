import type { FastifyRequest } from 'fastify'
import type { AlgorithmName, Rule } from 'sluice'
import { limit } from 'sluice/fastify'
import { answers, featuresOf, type PredictionApp, prediction, row } from 'sluice-example-prediction-app'
import type { Shared } from './shared.js'

const RULES = {
  /** In any interval, at most five plus the refill. */
  'token-bucket': { limit: '5/minute', algorithm: 'token-bucket' },
  /** Five in a fixed minute. */
  'fixed-window': { limit: '5/minute', algorithm: 'fixed-window' },
  /** About five a minute, estimated from two counters. */
  'sliding-window': { limit: '5/minute', algorithm: 'sliding-window' },
  /** Exactly five in every trailing minute. */
  'sliding-log': { limit: '5/minute', algorithm: 'sliding-log' },
  /** Five in flight. */
  concurrency: { concurrent: 5 },
} satisfies Readonly<Record<AlgorithmName, Rule<FastifyRequest>>>

/** Adds `POST /algorithms/NAME/predict` for each algorithm, with a limit of five. */
export function algorithmRoutes(app: PredictionApp, { store, model }: Shared): void {
  for (const [algorithm, rule] of Object.entries(RULES)) {
    app.post(
      `/algorithms/${algorithm}/predict`,
      {
        onRequest: limit({ store, name: algorithm, rules: [rule] }),
        schema: { body: row, response: answers(prediction) },
      },
      async ({ body }) => model(featuresOf(body)),
    )
  }
}
