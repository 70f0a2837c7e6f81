// Makes many calls on one key, all at once or so many at a time, and says how many were let in.
import { createLimiter } from 'sluice'
import { now } from './clock.js'
import { answerWith } from './conversation.js'
import { store } from './store.js'

answerWith(async ({ name, rule, calls, atOnce }) => {
  const limiter = createLimiter({ store, name, rules: [rule] })
  const count = { admitted: 0, refused: 0, failed: 0, failure: '' }
  let left = calls
  const call = async () => {
    while (left > 0) {
      left--
      try {
        // A permit is not released: a slot stays taken.
        const { allowed } = await limiter.admit('one key')
        if (allowed) count.admitted++
        else count.refused++
      } catch (error) {
        count.failed++
        count.failure = String(error)
      }
    }
  }
  const began = now()
  await Promise.all(Array.from({ length: atOnce }, call))
  return { ...count, began, ended: now(), wallTime: Date.now() }
})
