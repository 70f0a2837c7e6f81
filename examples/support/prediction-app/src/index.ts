// Code shared by the examples, so that each example contains little more than its limits.

// Adds `hide` to the type of route schemas.
import '@fastify/swagger'

export { answers, prediction, predictionBy, predictions, predictionsBy } from './answers.js'
export { type PredictionApp, predictionApp } from './app.js'
export { featuresOf, matrix, modelParams, row, rows, table } from './bodies.js'
export { heavyModel, lightweightModel, models, type Prediction, warmModel } from './model.js'
export { serve } from './serve.js'
