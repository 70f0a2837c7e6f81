import { serve } from 'sluice-example-prediction-app'
import { monitoringApp } from './app.js'

await serve(await monitoringApp())
