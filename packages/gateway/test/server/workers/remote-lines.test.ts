import type { Outcome, Unserved } from 'sluice/internal'
import { describe, expect, it } from 'vitest'
import type { LineCall, LineReply } from '../../../src/server/workers/line-protocol.js'
import { remoteLines } from '../../../src/server/workers/remote-lines.js'

const POOL = {
  ...{
    id: 'pool',
    scope: 'rule',
    timeoutMs: 1_000,
    maxQueued: 10,
    isPerClient: false,
    share: undefined,
    window: undefined,
    rank: undefined,
    deadline: undefined,
  },
}

const nextTurn = () => new Promise((done) => setImmediate(done))

/** A worker whose request waits, and a primary that says what the test says. */
async function waitingWorker(decide: () => string | Promise<string> = () => 'decision') {
  const calls: LineCall[] = []
  const lines = remoteLines(
    (sent) => void calls.push(...sent),
    () => 0,
  )
  const client = new AbortController()
  const late: string[] = []
  const outcome: Promise<Outcome<string> | string> = Promise.resolve(
    lines.enter<string>(
      {
        ...{ pools: [POOL], ticket: 0, waiter: undefined, signal: client.signal, checkEarly: undefined },
        attempt: async () => ({ result: await decide() }),
        onLateResult: (result) => void late.push(result),
      },
      POOL.id,
      0,
    ),
  ).catch(String)
  await nextTurn()
  const id = (calls[0] as LineCall & { operation: 'enter' }).id
  const reply = async (...replies: LineReply[]) => {
    lines.onReplies(replies)
    for (let turn = 0; turn < 3; turn++) await nextTurn()
  }
  return { lines, calls, client, late, outcome, id, reply }
}

const TIMED_OUT: Unserved = {
  ...{ reason: 'timeout', poolId: 'pool', ahead: 0, holdMs: undefined, expectedWaitMs: undefined },
}

describe('a request of a worker that waits in the primary', () => {
  it('gives back a decision that the primary no longer waited for', async () => {
    const { lines, late, outcome, id, reply } = await waitingWorker()
    await reply({ reply: 'attempt', id })
    await reply({ reply: 'left', id, outcome: TIMED_OUT }, { reply: 'late', id })
    expect(await outcome).toEqual(TIMED_OUT)
    expect(late).toEqual(['decision'])
    expect(lines.areIdle).toBe(true)
  })

  it('gives back a decision that it made after the primary had gone on', async () => {
    let decide: (decision: string) => void = () => {}
    const { late, outcome, id, reply } = await waitingWorker(() => new Promise((done) => (decide = done)))
    await reply({ reply: 'attempt', id }, { reply: 'left', id, outcome: TIMED_OUT })
    expect(await outcome).toEqual(TIMED_OUT)
    expect(late).toEqual([])
    decide('decision')
    await reply({ reply: 'late', id })
    expect(late).toEqual(['decision'])
  })

  it('is forgotten when its client disconnects', async () => {
    const { lines, calls, client, outcome, id, reply } = await waitingWorker()
    client.abort(new Error('gone'))
    expect(await outcome).toBe('Error: gone')
    expect(lines.areIdle).toBe(true)
    // The primary asks before it learns of that, and must not wait for an answer.
    await reply({ reply: 'attempt', id })
    expect(calls.slice(1)).toEqual([
      { operation: 'leave', id },
      { operation: 'attempted', id, attempt: { kept: 'error' } },
    ])
  })

  it('gives back a decision if its client disconnects before the primary has confirmed it', async () => {
    const { lines, client, late, outcome, id, reply } = await waitingWorker()
    await reply({ reply: 'attempt', id })
    client.abort(new Error('gone'))
    await reply({ reply: 'left', id, outcome: { kept: true } })
    expect(await outcome).toBe('Error: gone')
    expect(late).toEqual(['decision'])
    expect(lines.areIdle).toBe(true)
  })
})
