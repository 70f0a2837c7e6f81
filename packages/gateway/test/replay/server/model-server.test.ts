import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ModelServer } from '../../../src/replay/server/model-server.js'
import { SERVER_PRESETS } from '../../../src/replay/server/presets.js'
import type { ServerFigures } from '../../../src/replay/server/server-figures.js'
import type { ServerListener, ServerRequest } from '../../../src/replay/server/server-request.js'
import { StepwiseServer } from './stepwise-server.js'

const FIGURES: ServerFigures = {
  step: { fixedMs: 10, perPrefillTokenMs: 0.5, perRequestMs: 1 },
  ...{ kvTokens: 1000, maxSeqs: 4, maxBatchedTokens: 100, admits: 'prompt', replicas: 1 },
}

interface Action {
  readonly at: number
  readonly kind: 'submit' | 'cancel'
  readonly request: ServerRequest
}

type AnyServer = Pick<ModelServer<ServerRequest>, 'nextEventAt' | 'submit' | 'cancel' | 'advance'>

/** Runs actions in order of time and returns everything that the server reports. */
function run(
  actions: readonly Action[],
  backlog: readonly ServerRequest[],
  create: (listener: ServerListener<ServerRequest>) => AnyServer,
): string[] {
  const events: string[] = []
  const left = [...backlog]
  const server = create({
    began: ({ id }, at) => events.push(`${at} began ${id}`),
    wrote: ({ id }, output, at) => events.push(`${at} wrote ${id} ${output}`),
    preempted: ({ id }, at) => events.push(`${at} preempted ${id}`),
    ended: ({ id }, at) => {
      events.push(`${at} ended ${id}`)
      const next = left.shift()
      if (next !== undefined) server.submit(next, at)
      // The request may be waiting, reading, writing or unknown.
      if (id % 7 === 0) events.push(`${at} cancelled ${id + 1} ${server.cancel(id + 1, at)}`)
    },
  })
  for (const { at, kind, request } of actions) {
    while ((server.nextEventAt ?? Number.POSITIVE_INFINITY) <= at) server.advance()
    if (kind === 'submit') server.submit(request, at)
    else events.push(`${at} cancelled ${request.id} ${server.cancel(request.id, at)}`)
  }
  while (server.nextEventAt !== undefined) server.advance()
  return events
}

function submit(at: number, id: number, input: number, output: number, cached = 0): Action {
  return { at, kind: 'submit', request: { id, input, output, cached } }
}

function eventsOf(actions: readonly Action[], figures: Partial<ServerFigures> = {}): string[] {
  return run(actions, [], (listener) => new ModelServer({ ...FIGURES, ...figures }, listener))
}

describe('the model of a server', () => {
  it('reads a prompt in one step and writes one token in each', () => {
    // The prompt takes 10 + 100 × 0.5 ms, and each of the other two tokens 10 + 1 ms.
    expect(eventsOf([submit(0, 1, 100, 3)])).toEqual(['60 began 1', '82 ended 1'])
  })

  it('reads a long prompt in parts, while other requests write', () => {
    // The steps read 50 + 50, then 99 beside a request that writes, and then the other 51.
    expect(eventsOf([submit(0, 1, 50, 5), submit(0, 2, 200, 1)])).toEqual([
      ...['60 began 1', '157 began 2', '157 ended 2', '179 ended 1'],
    ])
  })

  it('does not read cached tokens again', () => {
    expect(eventsOf([submit(0, 1, 100, 1, 80)])).toEqual(['20 began 1', '20 ended 1'])
  })

  it('lets requests wait for a place, in the order of their arrival', () => {
    const all = [1, 2, 3].map((id) => submit(0, id, 10, 2))
    expect(eventsOf(all, { maxSeqs: 1 })).toEqual([
      ...['15 began 1', '26 ended 1', '41 began 2', '52 ended 2', '67 began 3', '78 ended 3'],
    ])
  })

  it('preempts the request that started last if the memory is full, and computes it again', () => {
    // Together they need 60 tokens when both have written 10, and only 50 fit.
    const events = eventsOf([submit(0, 1, 20, 10), submit(0, 2, 20, 10)], { kvTokens: 50 })
    expect(events.map((event) => event.replace(/^\S+ /, ''))).toEqual([
      ...['began 1', 'began 2', 'preempted 2', 'ended 1', 'ended 2'],
    ])
  })

  it('admits no request that could be preempted, if it admits by the peak', () => {
    const events = eventsOf([submit(0, 1, 20, 10), submit(0, 2, 20, 10)], { kvTokens: 50, admits: 'peak' })
    expect(events.map((event) => event.replace(/^\S+ /, ''))).toEqual([
      ...['began 1', 'ended 1', 'began 2', 'ended 2'],
    ])
  })

  it('refuses a request that does not fit into the memory of an empty server', () => {
    const server = new ModelServer(FIGURES, { began() {}, ended() {} })
    expect(server.canServe({ id: 1, input: 900, output: 90 })).toBe(true)
    expect(server.canServe({ id: 1, input: 900, output: 91 })).toBe(false)
    expect(() => server.submit({ id: 1, input: 900, output: 91 }, 0)).toThrow(
      'a request of 991 tokens does not fit into a KV cache of 1000',
    )
  })

  it('measures the time that requests wait in the server', () => {
    const server = new ModelServer({ ...FIGURES, maxSeqs: 1 }, { began() {}, ended() {} })
    for (const id of [1, 2, 3]) server.submit({ id, input: 10, output: 1 }, 0)
    expect([server.waiting, server.inFlight, server.queueTime(10)]).toEqual([2, 3, 20])
    while (server.nextEventAt !== undefined) server.advance()
    expect([server.waiting, server.inFlight, server.queueTime(100)]).toEqual([0, 0, 15 + 30])
  })

  it('sends a request to the less loaded of two replicas', () => {
    const replicas = { ...FIGURES, maxSeqs: 1, replicas: 2 }
    // Two replicas are always compared with each other, so the two run four requests each.
    const events = eventsOf(
      [0, 1, 2, 3, 4, 5, 6, 7].map((id) => submit(0, id, 10, 1)),
      replicas,
    )
    expect(events.filter((event) => event.endsWith('ended 7') || event.endsWith('ended 6'))).toHaveLength(2)
    expect(events.at(-1)?.split(' ')[0]).toBe('60')
  })

  it('serves overlapping requests at the speed of its steps on every preset', () => {
    for (const [name, figures] of Object.entries(SERVER_PRESETS)) {
      const { fixedMs, perPrefillTokenMs, perRequestMs } = figures.step
      const expected = fixedMs + 100 * perPrefillTokenMs + 9 * (fixedMs + perRequestMs)
      const events = run([submit(0, 1, 100, 10)], [], (listener) => new ModelServer(figures, listener))
      expect(Number(events.at(-1)?.split(' ')[0]), name).toBeCloseTo(expected, 3)
    }
  })

  it('equals a server that is computed step by step, whatever arrives, leaves and fits', () => {
    const request = fc.record({
      input: fc.integer({ min: 0, max: 40 }),
      output: fc.integer({ min: 0, max: 25 }),
      cached: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
    })
    const action = fc.record({
      at: fc.integer({ min: 0, max: 1200 }),
      request,
      cancelAfter: fc.option(fc.integer({ min: 1, max: 400 }), { freq: 4 }),
    })
    const figures = fc
      .record({
        fixedMs: fc.constantFrom(1, 2, 0.7),
        perPrefillTokenMs: fc.constantFrom(0, 0.25, 0.11),
        perRequestMs: fc.constantFrom(0, 0.5, 0.3),
        kvTokens: fc.integer({ min: 70, max: 250 }),
        maxSeqs: fc.integer({ min: 1, max: 8 }),
        moreTokens: fc.integer({ min: 0, max: 30 }),
      })
      .map(({ kvTokens, maxSeqs, moreTokens, ...step }): ServerFigures => {
        const maxBatchedTokens = maxSeqs + moreTokens
        return { step, kvTokens, maxSeqs, maxBatchedTokens, admits: 'prompt', replicas: 1 }
      })
    const kinds = new Set<string>()
    fc.assert(
      fc.property(
        ...([fc.array(action, { maxLength: 40 }), fc.array(request, { maxLength: 10 }), figures] as const),
        fc.constantFrom(7, 50, Number.POSITIVE_INFINITY),
        (arrivals, backlog, server, reportEveryMs) => {
          // Arrivals are multiples of 0.25 ms, so that some coincide with steps. Nothing is
          // cancelled at the moment at which it is submitted or a step starts.
          const actions = arrivals.flatMap(({ at, request, cancelAfter }, id): Action[] => [
            { at: at / 4, kind: 'submit', request: { id, ...request } },
            ...(cancelAfter === null
              ? []
              : [
                  {
                    at: (at + cancelAfter) / 4 + 0.0123,
                    kind: 'cancel' as const,
                    request: { id, ...request },
                  },
                ]),
          ])
          actions.sort((one, other) => one.at - other.at)
          const later = backlog.map((each, index) => ({ id: 1000 + index, ...each }))
          const fast = run(actions, later, (listener) => new ModelServer(server, listener, { reportEveryMs }))
          const slow = run(actions, later, (listener) => new StepwiseServer(server, listener, reportEveryMs))
          expect(fast).toEqual(slow)
          for (const event of fast) kinds.add(event.split(' ')[1] as string)
        },
      ),
      { seed: 19, numRuns: 400 },
    )
    expect([...kinds].sort()).toEqual(['began', 'cancelled', 'ended', 'preempted', 'wrote'])
  })
})
