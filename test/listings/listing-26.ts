import { createLimiter } from 'sluice'

const limiter = createLimiter({
  rules: [{ limit: '10/minute' }],
  listener(event) {
    if (event.type === 'refused') console.log(`${event.refusal.rule} refuses for ${event.refusal.retryAfter} ms`)
  },
})
await limiter.admit('user-42')
