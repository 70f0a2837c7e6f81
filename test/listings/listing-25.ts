import { createLimiter } from 'sluice'
import { openTelemetryListener } from 'sluice/opentelemetry'

const limiter = createLimiter({
  rules: [{ limit: '10/minute' }],
  listener: openTelemetryListener({ name: 'POST /predict' }),
})
await limiter.admit('user-42')
