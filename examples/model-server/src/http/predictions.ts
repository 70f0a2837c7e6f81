import type { Classifier, Prediction } from '../classifier/classifier.js'
import type { Features } from '../classifier/rule.js'
import type { ClassifierName, Models } from '../models.js'
import { runInSlices, type Slices } from '../slices.js'
import { readJson } from './body.js'
import { type Handler, sendJson } from './exchange.js'
import { modelVersion, row } from './rows.js'
import { parse, type Reader } from './validation.js'

/** Creates a handler that predicts one row. */
export function predictOne(models: Models, name: ClassifierName): Handler {
  return async ({ request, response }) => {
    const body = await readJson(request)
    const features = parse(body, row)
    sendJson(response, 200, { model: name, ...versionIn(body), ...models[name].predict(features) })
  }
}

/** Creates a handler that predicts many rows, in order. */
export function predictMany(models: Models, name: ClassifierName, rows: Reader<Features[]>): Handler {
  return async ({ request, response }) => {
    const body = await readJson(request)
    const batch = parse(body, rows)
    const predictions = await runInSlices(predictEach(models[name], batch))
    sendJson(response, 200, { model: name, ...versionIn(body), count: predictions.length, predictions })
  }
}

/** Returns the requested version as a member of the response. */
function versionIn(body: unknown): { readonly model_version?: string } {
  const version = parse(body, modelVersion)
  return version === undefined ? {} : { model_version: version }
}

/** Predicts a batch, and yields after each row so that it does not delay small requests. */
function* predictEach(classifier: Classifier, batch: readonly Features[]): Slices<Prediction[]> {
  const predictions: Prediction[] = []
  for (const features of batch) {
    predictions.push(classifier.predict(features))
    yield predictions.length / batch.length
  }
  return predictions
}
