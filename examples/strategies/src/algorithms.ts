import type { FastifyRequest } from 'fastify'
import type { AlgorithmName, Rule } from 'sluice'
import { limit } from 'sluice/fastify'
import { answers, featuresOf, type PredictionApp, prediction, row } from 'sluice-example-prediction-app'
import type { Shared } from './shared.js'

const RULES = {
  /** Never more than five and what flows in since, in any stretch of time. */
  'token-bucket': { limit: '5/minute', algorithm: 'token-bucket' },
  /** Five, and then wait for the minute to end. */
  'fixed-window': { limit: '5/minute', algorithm: 'fixed-window' },
  /** About five a minute, by an estimate from two counters. */
  'sliding-window': { limit: '5/minute', algorithm: 'sliding-window' },
  /** Five in every trailing minute, exactly. */
  'sliding-log': { limit: '5/minute', algorithm: 'sliding-log' },
  /** Five at once. */
  concurrency: { concurrent: 5 },
} satisfies Readonly<Record<AlgorithmName, Rule<FastifyRequest>>>

/** `POST /algorithms/NAME/predict` for each algorithm: five predictions of whatever it counts. */
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
