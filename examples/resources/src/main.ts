import { serve } from 'sluice-example-prediction-app'
import { resourcesApp } from './app.js'

await serve(await resourcesApp())
