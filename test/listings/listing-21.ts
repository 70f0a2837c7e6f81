import { createLimiter, manualClock, memoryStore } from 'sluice'

const clock = manualClock()
const limiter = createLimiter({ rules: [{ limit: '1/minute' }], store: memoryStore({ clock }) })
await limiter.admit('user-42')
clock.advance(60_000)
console.log((await limiter.admit('user-42')).allowed) // true
