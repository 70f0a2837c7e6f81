import { describe, expect, it } from 'vitest'
import {
  type ConcurrencyRule,
  createLimiter,
  type Decision,
  memoryStore,
  type Permit,
} from '../../src/index.js'
import { manualTimers } from './manual-timers.js'

interface Call {
  readonly name: string
  readonly tenant?: string
}

const settled = () => new Promise((done) => setImmediate(done))

/** A limit whose calls have the class that their name begins with. */
function byClass(rule: Partial<ConcurrencyRule<Call>> = {}) {
  const limiter = createLimiter<Call>({
    store: memoryStore(),
    timers: manualTimers(),
    rules: [
      {
        ...{ name: 'slots', concurrent: 2, by: () => 'all', wait: '60s' },
        classes: ['chat', { job: { floor: '25%', slots: '100%' } }],
        class: async ({ name }: Call) => name.replace(/[0-9]/g, ''),
        ...rule,
      } as ConcurrencyRule<Call>,
    ],
  })
  const admitted: string[] = []
  const permits: Permit[] = []
  const refused: string[] = []
  return {
    ...{ admitted, refused, limiter },
    async arrive(...names: readonly string[]) {
      for (const name of names) {
        const onDecision = (decision: Decision) => {
          if (!decision.allowed) return refused.push(name)
          permits.push(decision.permit)
          return admitted.push(name)
        }
        void Promise.resolve(limiter.admit({ name, tenant: name })).then(onDecision)
        await settled()
      }
    },
    /** Ends the oldest request. */
    async end(requests = 1) {
      for (let number = 0; number < requests; number++) {
        await permits.shift()?.release()
        await settled()
      }
    },
  }
}

describe('classes of requests that wait for slots', () => {
  it('are served in order, but the lower ones get their floors', async () => {
    const { arrive, end, admitted } = byClass()
    await arrive('job1', 'job2', 'job3', 'job4', ...Array.from({ length: 8 }, (_, index) => `chat${index}`))
    expect(admitted).toEqual(['job1', 'job2'])
    await end(10)
    expect(admitted.slice(2)).toEqual([
      ...['chat0', 'chat1', 'chat2', 'chat3', 'job3'],
      ...['chat4', 'chat5', 'chat6', 'job4', 'chat7'],
    ])
  })

  it('leave slots to the first class', async () => {
    const { arrive, end, admitted } = byClass({
      concurrent: 10,
      classes: ['chat', { job: { floor: 0 } }],
    })
    await arrive(...Array.from({ length: 12 }, (_, index) => `job${index}`))
    expect(admitted).toHaveLength(9)
    await arrive('chat')
    expect(admitted).toHaveLength(10)
    await end()
    // Nine requests are in flight, of which one is of the first class.
    expect(admitted).toHaveLength(10)
    await end()
    expect(admitted).toHaveLength(11)
  })

  it('give their last place in a full line to a higher class', async () => {
    const { arrive, admitted, refused, end } = byClass({ queue: 3 })
    await arrive('job1', 'job2', 'job3', 'job4', 'job5', 'chat1', 'chat2')
    expect(refused).toEqual(['job5', 'job4'])
    await arrive('chat3', 'chat4', 'job6')
    expect(refused).toEqual(['job5', 'job4', 'job3', 'chat4', 'job6'])
    await end(2)
    expect(admitted).toEqual(['job1', 'job2', 'chat1', 'chat2'])
  })

  it('are fair between their tenants', async () => {
    const { arrive, end, admitted } = byClass({
      fair: ({ tenant }) => (tenant?.startsWith('job') ? (tenant === 'job9' ? 'quiet' : 'flood') : 'chat'),
      queue: 10,
    })
    await arrive('job1', 'job2', 'job3', 'job4', 'job5', 'job9')
    await end(4)
    expect(admitted).toEqual(['job1', 'job2', 'job9', 'job3', 'job4', 'job5'])
  })

  it('reject a request whose class is unknown', async () => {
    const { limiter } = byClass({ class: () => 'other' })
    await expect(async () => limiter.admit({ name: 'x' })).rejects.toThrow(
      "the class of a request must be one of chat, job, not 'other'",
    )
  })
})

it.each([
  [{ classes: undefined }, "'class' requires 'classes'"],
  [{ class: undefined }, "'classes' requires 'class'"],
  [{ class: 'chat' }, "'class' must be a function"],
  [{ wait: undefined }, "'class' requires 'wait'"],
  [{ classes: ['chat'] }, "'classes' must be a list of 2 to 16 classes"],
  [{ classes: ['chat', 'chat'] }, "two classes are called 'chat'"],
  [{ classes: ['chat', 5] }, 'a class must be a name of up to 32 letters'],
  [{ classes: ['chat', { job: {}, other: {} }] }, 'a class must be a name of up to 32 letters'],
  [{ classes: [{ chat: { floor: '5%' } }, 'job'] }, "remove the options of 'chat'"],
  [{ classes: ['chat', { job: { floor: 2 } }] }, "'floor' must be a part such as '5%' or 0.05, from 0 to 1"],
  [{ classes: ['chat', { job: { floor: 'half' } }] }, "'floor' must be a part"],
  [{ classes: ['chat', { job: { slots: 0 } }] }, "'slots' must be a part such as '5%' or 0.05, more than 0"],
  [{ classes: ['chat', { job: { weight: 1 } }] }, "the class 'job' has no option 'weight'"],
  [
    { classes: ['chat', { job: { floor: '60%' } }, { other: { floor: '40%' } }] },
    'the floors of all classes must be less than 100 % together, not 100 %',
  ],
])('rejects %j', (rule, message) => {
  expect(() => byClass(rule as Partial<ConcurrencyRule<Call>>)).toThrow(message)
})

it.each(['fair', 'work', 'class', 'classes', 'firstToken'])('rejects %s for a limit over time', (option) => {
  const rule = { limit: '10/minute', [option]: 'client' } as { readonly limit: string }
  expect(() => createLimiter({ rules: [rule] })).toThrow(`'${option}' requires 'concurrent'`)
})
