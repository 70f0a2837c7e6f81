import { createLimiter } from 'sluice'

const limiter = createLimiter({ rules: [{ limit: '10/minute' }, { concurrent: 4 }] })
const decision = await limiter.admit('user-42')
if (decision.allowed) decision.permit.release()
else console.log(`come back in ${decision.refusal.retryAfter} ms`)
