import { createWarmUp } from 'sluice'
import { heavyModel, serve, warmModel } from 'sluice-example-prediction-app'
import { warmUpApp } from './app.js'

// A fifth until the model is ready and a minute (or WARM_UP) longer, and then all of it. Without `steps` it would grow evenly.
const warmUp = createWarmUp({ from: 0.2, over: process.env.WARM_UP || '60s', steps: 1 })
await serve(await warmUpApp(warmUp))
await warmModel(heavyModel)
warmUp.ready()
