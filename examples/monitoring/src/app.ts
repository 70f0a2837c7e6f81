import { memoryStore, type Store } from 'sluice'
import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  heavyModel,
  lightweightModel,
  type PredictionApp,
  prediction,
  predictionApp,
  row,
} from 'sluice-example-prediction-app'
import { countRequests } from './metrics.js'

/** An app with limits, and metrics of all requests and of refused ones. */
export async function monitoringApp(store: Store = memoryStore()): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'Monitoring',
    description: 'Ten predictions a minute, and five with the heavy model; GET /metrics returns the counts.',
  })
  countRequests(app)
  const limitedTo = (limitString: string) => ({
    onRequest: limit({
      store,
      name: limitString,
      rules: [{ limit: limitString, algorithm: 'fixed-window', by: ['ip', 'route'] }],
    }),
  })
  const schema = { body: row, response: answers(prediction) }
  app.post('/predict', { ...limitedTo('10/minute'), schema }, async ({ body }) =>
    lightweightModel(featuresOf(body)),
  )
  app.post('/models/heavy/predict', { ...limitedTo('5/minute'), schema }, async ({ body }) =>
    heavyModel(featuresOf(body)),
  )
  return app
}
