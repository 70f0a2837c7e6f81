import { createLimiter } from 'sluice'

createLimiter({
  rules: [
    { limit: '10/minute' },
    { name: 'burst', limit: { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 20 } },
    { name: 'month', limit: '1M/month', algorithm: 'fixed-window', align: 'calendar', timeZone: 'Europe/Berlin' },
    { concurrent: 4, lease: '30s' },
  ],
})
