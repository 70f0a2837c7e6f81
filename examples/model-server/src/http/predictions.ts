import type { Classifier, Prediction } from '../classifier/classifier.js'
import type { Features } from '../classifier/rule.js'
import type { ClassifierName, Models } from '../models.js'
import { inSlices, type Slices } from '../slices.js'
import { readJson } from './body.js'
import { type Handler, sendJson } from './exchange.js'
import { modelVersion, row } from './rows.js'
import { parse, type Reader } from './validation.js'

/** Answers one row with what the classifier says of it. */
export function predictOne(models: Models, name: ClassifierName): Handler {
  return async ({ request, response }) => {
    const body = await readJson(request)
    const features = parse(body, row)
    sendJson(response, 200, { model: name, ...versionIn(body), ...models[name].predict(features) })
  }
}

/** Answers many rows, in their order. */
export function predictMany(models: Models, name: ClassifierName, rows: Reader<Features[]>): Handler {
  return async ({ request, response }) => {
    const body = await readJson(request)
    const batch = parse(body, rows)
    const predictions = await inSlices(predictEach(models[name], batch))
    sendJson(response, 200, { model: name, ...versionIn(body), count: predictions.length, predictions })
  }
}

/** The version that the body asks for, as the answer repeats it. */
function versionIn(body: unknown): { readonly model_version?: string } {
  const version = parse(body, modelVersion)
  return version === undefined ? {} : { model_version: version }
}

/** Pauses after each row: a large batch should not hold up the small requests beside it. */
function* predictEach(classifier: Classifier, batch: readonly Features[]): Slices<Prediction[]> {
  const predictions: Prediction[] = []
  for (const features of batch) {
    predictions.push(classifier.predict(features))
    yield predictions.length / batch.length
  }
  return predictions
}
