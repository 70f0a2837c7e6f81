import { memoryStore, type Store } from 'sluice'
import { type ApiKey, identity, keyTable } from 'sluice/identity'
import { heavyModel, type PredictionApp, predictionApp } from 'sluice-example-prediction-app'
import { algorithmRoutes } from './algorithms.js'
import { keyRoutes } from './keys.js'
import { ownAnswerRoutes } from './own-answer.js'
import { premiumRoutes } from './premium.js'
import type { Shared } from './shared.js'

export interface StrategiesOptions {
  readonly keys: readonly ApiKey[]
  /** Default: a store in the memory of this process. */
  readonly store?: Store
  /** Model of `/algorithms/…`. */
  readonly model?: Shared['model']
}

/** An app with one route for each way to limit. */
export async function strategiesApp(options: StrategiesOptions): Promise<PredictionApp> {
  const { keys, store = memoryStore(), model = heavyModel } = options
  const app = await predictionApp({
    title: 'Strategies',
    description: 'Limit strings, custom keys, every algorithm, a custom response, a route for one tier.',
  })
  const shared: Shared = { store, identify: identity({ apiKeys: keyTable(keys) }), model }
  for (const routes of [keyRoutes, algorithmRoutes, ownAnswerRoutes, premiumRoutes]) routes(app, shared)
  return app
}
