import { createWarmUp } from 'sluice'
import { heavyModel, serve, warmModel } from 'sluice-example-prediction-app'
import { warmUpApp } from './app.js'

// The limit is a fifth until the model has been ready for a minute (or for WARM_UP). Without
// `steps`, the limit would grow evenly.
const warmUp = createWarmUp({ from: 0.2, over: process.env.WARM_UP || '60s', steps: 1 })
await serve(await warmUpApp(warmUp))
await warmModel(heavyModel)
warmUp.ready()
