import { describe, expect, it } from 'vitest'
import { type Attempt, Line, type Waiter } from '../../src/limiter/wait-queue.js'
import { manualTimers } from './manual-timers.js'

/** Something with room for so many, and the line in front of it. */
function room(free: number, again = 1_000) {
  const timers = manualTimers()
  const line = new Line<string>(timers)
  const state = { free, attempts: [] as string[], givenBack: [] as string[] }
  const waiter = (name: string, options: Partial<Waiter<string>> = {}): Waiter<string> => ({
    patience: 10_000,
    attempt(): Attempt<string> {
      state.attempts.push(name)
      if (state.free === 0) return { again }
      state.free--
      return { got: name }
    },
    giveBack(got) {
      state.givenBack.push(got)
      state.free++
    },
    ...options,
  })
  return { timers, line, state, waiter }
}

const turn = () => new Promise((done) => setImmediate(done))

describe('a line', () => {
  it('serves who came first first, as room comes', async () => {
    const { line, state, waiter } = room(0)
    const served: string[] = []
    for (const name of ['a', 'b', 'c']) line.join(waiter(name)).then((got) => served.push(String(got)))
    await turn()
    expect(served).toEqual([])
    expect(line.length).toBe(3)
    state.free = 2
    line.wake()
    await turn()
    expect(served).toEqual(['a', 'b'])
    state.free = 1
    line.wake()
    await turn()
    expect(served).toEqual(['a', 'b', 'c'])
    expect(line.length).toBe(0)
  })

  it('asks for nobody but the first, however often it is woken', async () => {
    const { line, state, waiter } = room(0)
    for (const name of ['a', 'b']) line.join(waiter(name))
    await turn()
    line.wake()
    line.wake()
    await turn()
    expect(new Set(state.attempts)).toEqual(new Set(['a']))
  })

  it('tries again by itself when the attempt said so', async () => {
    const { timers, line, state, waiter } = room(0, 500)
    const joined = line.join(waiter('a'))
    await turn()
    state.free = 1
    timers.pass(499)
    await turn()
    expect(line.length).toBe(1)
    timers.pass(1)
    expect(await joined).toBe('a')
    expect(timers.running).toBe(0)
  })

  it('who waits too long leaves, and the next one is first', async () => {
    const { timers, line, state, waiter } = room(0, 60_000)
    const impatient = line.join(waiter('a', { patience: 100 }))
    const patient = line.join(waiter('b'))
    await turn()
    timers.pass(100)
    expect(await impatient).toBeUndefined()
    state.free = 1
    line.wake()
    expect(await patient).toBe('b')
    expect(timers.running).toBe(0)
  })

  it('who hangs up leaves, also before it joined', async () => {
    const { timers, line, state, waiter } = room(0, 60_000)
    const caller = new AbortController()
    const gone = line.join(waiter('a', { signal: caller.signal }))
    const next = line.join(waiter('b'))
    await turn()
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    await expect(line.join(waiter('c', { signal: caller.signal }))).rejects.toThrow('hung up')
    state.free = 1
    line.wake()
    expect(await next).toBe('b')
    expect(timers.running).toBe(0)
  })

  it('what was got for one who has left meanwhile is given back, and is for the next one', async () => {
    const { line, state, waiter } = room(1)
    const caller = new AbortController()
    let answer: (attempt: Attempt<string>) => void = () => {}
    const slow = waiter('a', {
      signal: caller.signal,
      attempt: () => new Promise((resolve) => (answer = resolve)),
    })
    const gone = line.join(slow)
    const next = line.join(waiter('b'))
    state.free = 0
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    answer({ got: 'a' })
    expect(await next).toBe('b')
    expect(state.givenBack).toEqual(['a'])
  })

  it('an attempt that fails is its own waiter’s, and the next one is first', async () => {
    const { line, waiter } = room(1)
    const failing = line.join(
      waiter('a', {
        attempt() {
          throw new Error('the store is away')
        },
      }),
    )
    const next = line.join(waiter('b'))
    await expect(failing).rejects.toThrow('away')
    expect(await next).toBe('b')
  })
})
