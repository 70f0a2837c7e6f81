import { withFailurePolicy } from 'sluice'
import { redisStore } from 'sluice/redis'

export const store = withFailurePolicy(redisStore('redis://localhost:6379'), {
  policy: 'local',
  peers: 4,
  deadline: '100ms',
  failures: 5,
  onStateChange: ({ state, policy, cause }) => {
    console.error(state === 'open' ? `the store is lost (${cause}); ${policy} decides` : 'the store is back')
  },
})
const { state, timeouts, degraded, unavailable, lateGivenBack, settlementsLost } = store.stats()
