import { serve } from 'sluice-example-prediction-app'
import { inMemoryApp } from './app.js'

await serve(await inMemoryApp())
