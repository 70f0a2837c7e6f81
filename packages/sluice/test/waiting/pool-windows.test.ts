import { describe, expect, it } from 'vitest'
import { windowOf } from '../../src/rules/automatic.js'
import { PoolWindows } from '../../src/waiting/pool-windows.js'

const INPUT = 100
const BEGIN_MS = 3_000
/** A deadline that responses miss, and one that they keep. */
const [TIGHT_MS, LOOSE_MS] = [2_000, 10_000]

/** The window of a server whose responses begin after three seconds. */
function slowServer() {
  let now = 0
  const windows = new PoolWindows({ now: () => now, onRoom() {} })
  const window = windowOf({ concurrent: 'auto', by: () => '', wait: '10s' })
  if (window === undefined) throw new Error('The rule has no window.')
  const send = () => windows.begin('server', { window, input: INPUT, isStream: true })
  for (let number = 0; number < 20; number++) {
    const sent = send()
    now += BEGIN_MS
    sent.began()
    sent.end()
  }
  return {
    mayBegin: (leftMs: number) => windows.mayBegin('server', INPUT, leftMs),
    /** Sends a request, which ends at once. */
    sendShort: () => send().end(),
    pass(milliseconds: number) {
      now += milliseconds
    },
  }
}

describe('a request that is sent although it would begin too late', () => {
  it('is one every 5 s', () => {
    const { mayBegin, sendShort, pass } = slowServer()
    expect(mayBegin(TIGHT_MS)).toBe(true)
    sendShort()
    pass(4_999)
    expect(mayBegin(TIGHT_MS)).toBe(false)
    pass(1)
    expect(mayBegin(TIGHT_MS)).toBe(true)
  })

  it('does not count if it is not sent, because a limit refused it', () => {
    const { mayBegin } = slowServer()
    expect(mayBegin(TIGHT_MS)).toBe(true)
    expect(mayBegin(TIGHT_MS)).toBe(true)
  })

  it('does not count either if one that begins in time is sent in its place', () => {
    const { mayBegin, sendShort } = slowServer()
    expect(mayBegin(TIGHT_MS)).toBe(true)
    expect(mayBegin(LOOSE_MS)).toBe(true)
    sendShort()
    expect(mayBegin(TIGHT_MS)).toBe(true)
  })
})
