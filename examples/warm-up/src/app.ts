import { memoryStore, type Store, type WarmUp } from 'sluice'
import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  heavyModel,
  type PredictionApp,
  prediction,
  predictionApp,
  row,
} from 'sluice-example-prediction-app'

/** An app with fifty predictions a minute, and fewer while the model warms up. */
export async function warmUpApp(warmUp: WarmUp, store: Store = memoryStore()): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'Warm-up',
    description: 'Ten predictions a minute while the model warms up, and then fifty.',
  })
  const warmingLimit = limit({
    store,
    warmUp,
    rules: [{ limit: '50/minute', algorithm: 'fixed-window', by: 'ip' }],
  })
  app.post(
    '/predict',
    { onRequest: warmingLimit, schema: { body: row, response: answers(prediction) } },
    async ({ body }) => heavyModel(featuresOf(body)),
  )
  app.get('/model-info', async () => ({ ready: warmUp.isReady, scale: warmUp.scale }))
  return app
}
