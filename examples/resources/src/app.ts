import type { FastifyRequest } from 'fastify'
import { batchSize, memoryStore, type Rule, type Store } from 'sluice'
import { limit } from 'sluice/fastify'
import {
  answers,
  featuresOf,
  heavyModel,
  lightweightModel,
  matrix,
  type PredictionApp,
  prediction,
  predictionApp,
  predictions,
  row,
  table,
} from 'sluice-example-prediction-app'

/** An app in which each model has its own limit, and a batch costs its number of rows. */
export async function resourcesApp(store: Store = memoryStore()): Promise<PredictionApp> {
  const app = await predictionApp({
    title: 'Resources',
    description: 'A limit for each model that reflects its cost, and a limit on the rows of batches.',
  })
  const limited = (name: string, rule: Rule<FastifyRequest>) => limit({ store, name, rules: [rule] })
  const one = { body: row, response: answers(prediction) }
  const several = answers(predictions)

  const lightweight = limited('lightweight', { limit: '100/minute', algorithm: 'fixed-window' })
  app.post('/models/lightweight/predict', { onRequest: lightweight, schema: one }, async ({ body }) =>
    lightweightModel(featuresOf(body)),
  )
  const heavy = limited('heavy', { limit: '10/minute', algorithm: 'fixed-window' })
  app.post('/models/heavy/predict', { onRequest: heavy, schema: one }, async ({ body }) =>
    heavyModel(featuresOf(body)),
  )
  const batches = limited('batches', { limit: '2 per 300 seconds', algorithm: 'fixed-window' })
  app.post(
    '/models/batch-process',
    { onRequest: batches, schema: { body: matrix, response: several } },
    async ({ body }) => ({ predictions: body.map(lightweightModel) }),
  )

  // Counts rows: a batch of fifty rows costs as much as fifty batches of one row. The cost depends
  // on the body, so the limit runs after the validation, as a `preHandler`.
  const rows = limited('rows', {
    limit: '100/minute',
    algorithm: 'fixed-window',
    of: 'rows',
    cost: batchSize('/data'),
  })
  app.post(
    '/models/batch-predict',
    { preHandler: rows, schema: { body: table, response: several } },
    async ({ body }) => ({ predictions: body.data.map(lightweightModel) }),
  )
  return app
}
