import { createLimiter, createWarmUp } from 'sluice'

const warmUp = createWarmUp({ from: 0.2, over: '60s' })
export const limiter = createLimiter({ rules: [{ limit: '50/minute' }], warmUp })
warmUp.ready() // when the model has been loaded; and `unready()` when it is gone
