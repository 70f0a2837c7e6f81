import { createLimiter } from 'sluice'

const limiter = createLimiter({ rules: [{ limit: '10/minute' }] })
const forecast = await limiter.peek('user-42')
console.log(forecast.quotas.map(({ rule, remaining }) => `${rule}: ${remaining}`))
await limiter.reset('user-42')
