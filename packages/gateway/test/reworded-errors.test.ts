import { afterEach, expect, it, vi } from 'vitest'
import { ConfigError, parseConfig } from '../src/policy/config/load-config.js'

const wording = vi.hoisted(() => ({ isChanged: false }))

vi.mock('sluice', async (importOriginal) => {
  const library = await importOriginal<typeof import('sluice')>()
  const reworded =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      try {
        return call(...args)
      } catch (error) {
        if (wording.isChanged) Object.assign(error as Error, { message: '?', reason: '?', problem: '?' })
        throw error
      }
    }
  return {
    ...library,
    createLimiter: reworded(library.createLimiter),
    parseLimits: reworded(library.parseLimits),
  }
})

afterEach(() => {
  wording.isChanged = false
})

function problemsOf(text: string) {
  try {
    parseConfig(text, 'gateway.yaml')
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const UPSTREAM = 'upstream: http://127.0.0.1:9000'
const limits = (marked: string) => `{ routes: [{ match: /a, limits: [\n${marked}\n] }], ${UPSTREAM} }`

/** Files that the library rejects, at `¦`. */
const REJECTED = [
  limits('¦ten'),
  limits('10/¦parsec'),
  limits('{ limit: 10/day, algorithm: sliding-log, align: ¦calendar }'),
  limits('{ limit: ¦10/5m, algorithm: fixed-window, align: calendar }'),
  limits('{ limit: 10/day, algorithm: token-bucket, align: ¦calendar, time_zone: UTC }'),
  limits('{ limit: 10/day, time_zone: ¦UTC }'),
  limits('{ limit: 10/day, algorithm: fixed-window, time_zone: ¦UTC }'),
  limits('{ limit: 10/day, algorithm: fixed-window, align: first-request, time_zone: ¦UTC }'),
  limits('{ limit: 10/day, of: ¦concurrent }'),
  limits('{ limit: 10/day, name: a }, { limit: 9/day, name: ¦a }'),
  limits('{ limit: 10/day, tiers: ¦{ gold: 0 } }'),
  limits('{ limit: 10/day; 5/s, tiers: ¦{ gold: 100/day } }'),
  limits('{ limit: 10/day, algorithm: sliding-log, tiers: ¦{ gold: 9/day burst 10 } }'),
  limits('{ concurrent: 4, tiers: ¦{ gold: 1/s } }'),
  limits('{ concurrent: 4, queue: ¦5 }'),
  limits('{ concurrent: 4, wait: ¦25d }'),
  limits('{ concurrent: 4, enforce: false, wait: ¦2s }'),
  `limits: [{ limit: 9/s, name: b }, ¦{ limit: 10/day, name: a }]
routes: [{ match: /a, limits: [{ limit: 9/day, name: a }] }]\n${UPSTREAM}`,
]

function markedPosition(marked: string): { line: number; column: number } {
  const before = marked.slice(0, marked.indexOf('¦')).split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

it.each(REJECTED)('points at the same position when the library rewords its error: %j', (marked) => {
  const text = marked.replace('¦', '')
  expect(problemsOf(text)).toEqual([expect.objectContaining(markedPosition(marked))])
  wording.isChanged = true
  expect(problemsOf(text)).toEqual([expect.objectContaining(markedPosition(marked))])
})

it.each(REJECTED)('spells keys as in YAML in the error message for %j', (marked) => {
  const [problem] = problemsOf(marked.replace('¦', ''))
  expect(problem?.message).not.toMatch(/'[a-z]+[A-Z]\w*'/)
})
