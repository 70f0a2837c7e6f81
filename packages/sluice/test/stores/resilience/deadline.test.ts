import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DeadlineError, withinDeadline } from '../../../src/stores/resilience/deadline.js'
import { systemTimers } from '../../../src/time/timers.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function recordingHandler() {
  const events: string[] = []
  return {
    events,
    onTimeout: () => void events.push('timeout'),
    onValue: (value: string) => void events.push(`value ${value}`),
    onError: () => void events.push('error'),
  }
}

describe('withinDeadline', () => {
  it('settles with a response that arrives in time, and leaves no timer behind', async () => {
    const late = recordingHandler()
    await expect(withinDeadline(Promise.resolve('yes'), 100, systemTimers, late)).resolves.toBe('yes')
    await expect(withinDeadline(Promise.reject(new Error('no')), 100, systemTimers, late)).rejects.toThrow(
      'no',
    )
    expect(vi.getTimerCount()).toBe(0)
    expect(late.events).toEqual([])
  })

  it('rejects when the deadline passes, but not earlier', async () => {
    const late = recordingHandler()
    const outcome = vi.fn()
    withinDeadline(new Promise<string>(() => {}), 100, systemTimers, late).catch(outcome)
    await vi.advanceTimersByTimeAsync(99)
    expect(outcome).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2)
    expect(outcome).toHaveBeenCalledExactlyOnceWith(new DeadlineError(100))
    expect(late.events).toEqual(['timeout'])
  })

  it('reports a late response once', async () => {
    for (const outcome of ['value yes', 'error']) {
      const late = recordingHandler()
      const { promise, resolve, reject } = withResolvers()
      const waited = withinDeadline(promise, 100, systemTimers, late).catch((error) => error)
      await vi.advanceTimersByTimeAsync(101)
      expect(await waited).toBeInstanceOf(DeadlineError)
      if (outcome === 'error') reject(new Error('too late'))
      else resolve('yes')
      await vi.advanceTimersByTimeAsync(0)
      expect(late.events).toEqual(['timeout', outcome])
    }
  })

  it('accepts a response that arrived while the process was busy', async () => {
    const due: (() => void)[] = []
    const read: (() => void)[] = []
    const timers = {
      start: (callback: () => void) => due.push(callback),
      stop: () => {},
      afterInput: (callback: () => void) => void read.push(callback),
    }
    const { promise, resolve } = withResolvers()
    const late = recordingHandler()
    const response = withinDeadline(promise, 100, timers, late)
    for (const callback of due) callback()
    resolve('it was in the socket')
    await promise
    for (const callback of read) callback()
    await expect(response).resolves.toBe('it was in the socket')
    expect(late.events).toEqual([])
  })
})

function withResolvers() {
  let resolve: (value: string) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<string>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
