import { memoryStore, type Store } from 'sluice'
import { limit } from 'sluice/fastify'
import { type ApiKey, identity, keyTable } from 'sluice/identity'
import {
  answers,
  featuresOf,
  lightweightModel,
  type PredictionApp,
  prediction,
  predictionApp,
  row,
} from 'sluice-example-prediction-app'

/** An app with twenty predictions a minute for each client, and a hundred with a premium key. */
export async function tiersApp(
  keys: readonly ApiKey[],
  store: Store = memoryStore(),
): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'Tiers',
    description: 'Twenty predictions a minute, or a hundred with a premium key in X-API-Key.',
  })
  const byTier = limit({
    store,
    // Requests without a key are counted by address; an unknown key gets 401.
    identify: identity({ apiKeys: keyTable(keys) }),
    tiers: { free: 1, premium: 5 },
    rules: [{ limit: '20/minute', algorithm: 'fixed-window', by: 'client' }],
  })
  app.post(
    '/predict',
    { onRequest: byTier, schema: { body: row, response: answers(prediction) } },
    async ({ body }) => lightweightModel(featuresOf(body)),
  )
  return app
}
