import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { capacityOf, type Limit, type Quota } from 'sluice'
import { compare, parseConfig, type ReplayOptions, replay } from 'sluice-gateway/replay'
import { describe, expect, it, onTestFinished } from 'vitest'
import { streamOf } from './traces.js'

const CONFIG = configOf('4k/minute', '5/minute')
const OTHER = configOf('8k/minute', '4/minute')

function configOf(tokens: string, requests: string) {
  return parseConfig(
    `
upstream: http://127.0.0.1:9000
tiers: { gold: 1.2 }
routes:
  - match: POST /v1/chat/completions
    llm: openai-chat
    limits:
      - { limit: ${tokens}, of: tokens, by: client }
      - { limit: ${requests}, by: client }
      - { limit: 500/minute, by: everyone, algorithm: fixed-window, enforce: false }
      - { concurrent: 20, by: everyone }
`,
    'threads.yaml',
  )
}

/** Builds a trace of the given length with about 300 clients and some invalid lines. */
function traceOf(requests: number): string {
  const rows = Array.from({ length: requests }, (_, index) => {
    const client = (index * index) % 307
    const tier = client % 5 === 0 ? 'gold' : ''
    const input = index % 997 === 0 ? 'many' : (index * 37) % 800
    return `${1_700_000_000 + index * 0.05},client-${client},${tier},${input},${(index * 53) % 500},${(index * 29) % 3000}`
  })
  return ['time,client,tier,input_tokens,output_tokens,duration', ...rows].join('\n')
}

const SHORT = traceOf(300)
const LONG = traceOf(60_000)

/** Collects the threads started during a test. */
function collectThreads(onStart: (thread: Worker) => void = () => {}): Worker[] {
  const started: Worker[] = []
  const onWorker = (thread: Worker) => {
    started.push(thread)
    onStart(thread)
  }
  process.on('worker', onWorker)
  onTestFinished(() => {
    process.off('worker', onWorker)
  })
  return started
}

const replayTrace = (trace: string, options: ReplayOptions) =>
  replay(streamOf(trace, 65_536), CONFIG, options)

describe('a replay in two threads', () => {
  it('produces the same report as in one thread, byte for byte', async () => {
    const started = collectThreads()
    const inOne = await replayTrace(LONG, { threads: 1 })
    expect(started).toHaveLength(0)
    const inTwo = await replayTrace(LONG, { threads: 2 })
    expect(started).toHaveLength(1)
    expect(JSON.stringify(inTwo)).toBe(JSON.stringify(inOne))
    expect(inOne.trace.bad.count).toBe(61)
    for (const rule of inOne.rules) expect(rule.refused, rule.rule).toBeGreaterThan(0)
    for (const tier of inOne.tiers) expect(tier.refused, `${tier.tier}`).toBeGreaterThan(0)
  })

  it('produces the same comparison as in one thread', async () => {
    const compareIn = (threads: number) => compare(streamOf(LONG, 65_536), CONFIG, OTHER, { threads })
    const inTwo = await compareIn(2)
    expect(JSON.stringify(inTwo)).toBe(JSON.stringify(await compareIn(1)))
    expect(inTwo.differing).toBeGreaterThan(0)
  })

  it('produces the correct report with many limits and tiers', async () => {
    const warming = parseConfig(
      `
upstream: http://127.0.0.1:9000
routes:
  - match: GET /
    warm_up: { ready: http://127.0.0.1:9000/ready, from: 0.1, over: 2h }
    limits: [{ limit: 5k/minute, by: everyone }, { limit: 10/hour, by: client }]
`,
      'warming.yaml',
    )
    // The model warms up during the whole trace, so almost every request has a different limit.
    const rows = Array.from({ length: 60_000 }, (_, index) => {
      const tier = `tier-${(index * 7) % 1500}`
      return `${1_700_000_000 + index * 0.1},client-${index % 4000},${tier}`
    })
    const tiers = new Map<string, { requests: number; refused: number }>()
    const limits = new Set<Limit>()
    const fullness: number[] = []
    const report = await replay(streamOf(['time,client,tier', ...rows].join('\n'), 65_536), warming, {
      unready: [{ from: 0, to: 1 }],
      onDecision({ recorded: { tier = '' }, outcome }) {
        if (outcome.kind !== 'allowed' && outcome.kind !== 'refused') throw new Error(outcome.kind)
        const counts = tiers.get(tier) ?? { requests: 0, refused: 0 }
        tiers.set(tier, counts)
        counts.requests++
        if (outcome.kind === 'refused') counts.refused++
        const { limit, remaining } = outcome.decision.quotas[0] as Quota
        limits.add(limit)
        fullness.push(Math.round((1 - remaining / capacityOf(limit)) * 1000) / 1000)
      },
      threads: 2,
    })
    expect(limits.size).toBeGreaterThan(50_000)
    // The first thousand tiers are counted separately, and all others together.
    const separate = [...tiers].slice(0, 1000).map(([tier, counts]) => ({ tier, ...counts }))
    const reported = report.tiers.map(({ tier, requests, refused }) => ({ tier, requests, refused }))
    expect(reported.filter(({ tier }) => tier !== null)).toEqual(
      separate.toSorted((a, b) => (a.tier < b.tier ? -1 : 1)),
    )
    expect(separate.some(({ requests, refused }) => refused > 0 && refused < requests)).toBe(true)
    const quantile = (part: number) =>
      fullness.toSorted((a, b) => a - b)[Math.ceil(fullness.length * part) - 1]
    expect(quantile(0.5)).toBeLessThan(quantile(0.95) as number)
    expect(report.rules[0]?.fullness).toMatchObject({ p50: quantile(0.5), p95: quantile(0.95) })
  })

  it('starts no thread for a short trace', async () => {
    const started = collectThreads()
    const { requests } = await replayTrace(SHORT, { threads: 2 })
    expect(requests.played).toBe(299)
    expect(started).toHaveLength(0)
  })

  it('stops its thread when it fails', async () => {
    const started = collectThreads()
    const failing = replayTrace(LONG, {
      threads: 2,
      onDecision({ number }) {
        if (number === 50_000) throw new Error('no more')
      },
    })
    await expect(failing).rejects.toThrow('no more')
    // Node sets the id of an exited thread to -1.
    expect(started.map(({ threadId }) => threadId)).toEqual([-1])
  })

  it('rejects with the first of several errors', async () => {
    collectThreads((thread) => {
      const post = thread.postMessage.bind(thread)
      thread.postMessage = (message, transfer) => {
        post(message, transfer)
        if ('end' in message) queueMicrotask(() => thread.emit('error', new Error('the thread, too')))
      }
    })
    const failing = replayTrace(LONG, {
      threads: 2,
      onDecision({ number }) {
        if (number === 50_000) throw new Error('no more')
      },
    })
    await expect(failing).rejects.toThrow('no more')
  })

  it('starts its thread in a program that was not loaded from a file', async () => {
    const program = `
      import { Readable } from 'node:stream'
      import { parseConfig, replay } from 'sluice-gateway/replay'
      process.on('worker', () => console.log('a thread'))
      const limits = 'upstream: http://127.0.0.1:1\\nroutes: [{ match: GET /, limits: [5/minute, 9/hour, 99/day] }]'
      const rows = Array.from({ length: 40_000 }, (_, index) => 1_700_000_000 + index)
      const { requests } = await replay(
        Readable.from([Buffer.from(['time', ...rows].join('\\n'))]), parseConfig(limits, 'limits.yaml'), { threads: 2 }
      )
      console.log(requests.played)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
    expect(stdout).toBe('a thread\n40000\n')
  })

  it('fails when its thread exits unexpectedly', async () => {
    collectThreads((thread) => void thread.terminate())
    await expect(replayTrace(LONG, { threads: 2 })).rejects.toThrow(
      'the statistics thread exited unexpectedly',
    )
  })

  it.each([0, 3, 1.5])('rejects %d threads', async (threads) => {
    await expect(replayTrace(SHORT, { threads })).rejects.toThrow(`'threads' must be 1 or 2, not ${threads}`)
  })
})
