import { describe, expect, it } from 'vitest'
import {
  OutputPredictor,
  type PredictedCall,
  type ReserveMode,
} from '../../../../src/policy/llm/prediction/output-predictor.js'
import { RecentlyUsed } from '../../../../src/policy/llm/prediction/recently-used.js'

const MINUTE = 60_000
const STREAM: PredictedCall = { model: 'm', maxOutput: undefined, answers: 1, stream: true }

function predictor() {
  const clock = { now: 0 }
  const predictor = new OutputPredictor(() => clock.now)
  const predict = (call: Partial<PredictedCall> = {}, client = 'a', mode: ReserveMode = 'learned') =>
    predictor.predict({ route: 'chat', client }, { ...STREAM, ...call }, mode, 1024)
  const learn = (lengths: readonly number[], call: Partial<PredictedCall> = {}, client = 'a') => {
    for (const length of lengths) {
      const one = predict(call, client)
      one.settle(length, false)
      one.end()
    }
  }
  const outputOf = (...args: Parameters<typeof predict>) => {
    const one = predict(...args)
    one.end()
    return one.output
  }
  return { clock, predict, learn, outputOf }
}

/** Lengths from 10 to 1000, whose median is 500 and whose 90th percentile is 900. */
const LENGTHS = Array.from({ length: 100 }, (_, index) => 10 * (index + 1))

const near = (exact: number) => (output: number) => output >= exact && output <= 1.25 * exact + 1

describe('the predicted output of a call', () => {
  it('is the default until the client has 20 answers, or its model 50', () => {
    const { learn, outputOf } = predictor()
    learn(Array(19).fill(40))
    expect(outputOf()).toBe(1024)
    expect(outputOf({ maxOutput: 300 })).toBe(300)
    expect(outputOf({ maxOutput: 4096 })).toBe(1024)
    learn([40])
    expect(outputOf()).toSatisfy(near(40))
    learn(Array(29).fill(40), {}, 'b')
    expect(outputOf({}, 'c')).toBe(1024)
    learn([40], {}, 'b')
    expect(outputOf({}, 'c')).toSatisfy(near(40))
    expect(outputOf({ model: 'other' }, 'c')).toBe(1024)
  })

  it("is the median of the client's answers for a stream, and their 90th percentile for a document", () => {
    const { learn, outputOf } = predictor()
    learn(LENGTHS)
    expect(outputOf()).toSatisfy(near(500))
    expect(outputOf({ stream: false })).toSatisfy(near(900))
    expect(outputOf({}, 'a', 'p90')).toSatisfy(near(900))
    // The model's answers are those of others, so they are read cautiously.
    expect(outputOf({}, 'new')).toSatisfy(near(900))
  })

  it('never exceeds the stated maximum, and is multiplied by the number of answers', () => {
    const { learn, outputOf } = predictor()
    learn([...LENGTHS.map((length) => 3 * length)], { answers: 3 })
    expect(outputOf({ answers: 1 })).toSatisfy(near(500))
    expect(outputOf({ answers: 4, maxOutput: 100 })).toBe(400)
  })

  it('rises with each stream that meets an empty bucket, up to the maximum', () => {
    const { learn, predict, outputOf } = predictor()
    learn(LENGTHS)
    const before = outputOf({ maxOutput: 4096 })
    for (let streams = 0; streams < 8; streams += 1) {
      const one = predict()
      one.settle(500, true)
      one.end()
    }
    expect(outputOf({ maxOutput: 4096 })).toBeGreaterThan(before)
    for (let streams = 0; streams < 4; streams += 1) {
      const one = predict()
      one.settle(500, true)
      one.end()
    }
    expect(outputOf({ maxOutput: 4096 })).toBe(4096)
    expect(outputOf()).toSatisfy(near(1000))
  })

  it('counts a settlement once, and only that of a stream for the level', () => {
    const { learn, predict, outputOf } = predictor()
    learn(Array(100).fill(40))
    const one = predict({ stream: false, maxOutput: 4096 })
    for (let call = 0; call < 200; call += 1) one.settle(4096, true)
    one.end()
    expect(outputOf({ maxOutput: 4096 })).toSatisfy(near(40))
  })

  it('is the maximum for a burst beyond 8 calls, or twice the most in flight in the hour before', () => {
    const { clock, learn, predict } = predictor()
    learn(Array(200).fill(1), { maxOutput: 1 })
    const burst = () => Array.from({ length: 100 }, () => predict({ maxOutput: 4096 }))
    const guarded = (calls: ReturnType<typeof burst>) => calls.filter(({ output }) => output === 4096).length
    const first = burst()
    expect(guarded(first)).toBe(92)
    // A burst that has just been does not raise the bound of the next one.
    for (const call of first) call.end()
    expect(guarded(burst())).toBe(92)
    clock.now += 6 * MINUTE
    expect(guarded(burst())).toBe(92)
  })

  it('of a client that has been busy for a while is guarded above twice its peak', () => {
    const { clock, learn, predict } = predictor()
    learn(Array(200).fill(1), { maxOutput: 1 })
    const busy = Array.from({ length: 8 }, () => predict({ maxOutput: 4096 }))
    clock.now += 5 * MINUTE
    for (const call of busy) call.end()
    const calls = Array.from({ length: 100 }, () => predict({ maxOutput: 4096 }))
    expect(calls.filter(({ output }) => output === 4096)).toHaveLength(84)
    for (const call of calls) {
      call.end()
      call.end()
    }
    clock.now += 70 * MINUTE
    const later = Array.from({ length: 100 }, () => predict({ maxOutput: 4096 }))
    expect(later.filter(({ output }) => output === 4096)).toHaveLength(92)
  })
})

it('only the entries that were used last are remembered', () => {
  const entries = new RecentlyUsed<string>(2)
  for (const key of ['a', 'b', 'a', 'c']) entries.get(key, () => `first ${key}`)
  expect(entries.get('a', () => 'again')).toBe('first a')
  expect(entries.get('b', () => 'again')).toBe('again')
})
