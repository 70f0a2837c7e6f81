import { memoryStore, type Store } from 'sluice'
import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  lightweightModel,
  type PredictionApp,
  prediction,
  predictionApp,
  predictions,
  row,
  table,
} from 'sluice-example-prediction-app'

/** An app with limits in memory, counted by address and route. */
export async function inMemoryApp(store: Store = memoryStore()): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'In memory',
    description: 'Ten predictions and two batches a minute for each address; the model card is not limited.',
  })
  // The hook runs before the body is read, so a refusal is cheap.
  const limitedTo = (limitString: string) => ({
    onRequest: limit({
      store,
      name: limitString,
      rules: [{ limit: limitString, algorithm: 'fixed-window', by: ['ip', 'route'] }],
    }),
  })

  app.post(
    '/predict',
    { ...limitedTo('10/minute'), schema: { body: row, response: answers(prediction) } },
    async ({ body }) => lightweightModel(featuresOf(body)),
  )
  app.post(
    '/batch-predict',
    { ...limitedTo('2/minute'), schema: { body: table, response: answers(predictions) } },
    async ({ body }) => ({ predictions: body.data.map(lightweightModel) }),
  )
  app.get('/model-info', async () => ({ model: 'logistic', classes: ['calm', 'busy'] }))
  return app
}
