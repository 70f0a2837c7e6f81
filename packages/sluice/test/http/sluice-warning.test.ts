import { parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { limitFields } from '../../src/http/limit-headers.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'

async function warningsAfter(requests: number, rules: readonly Rule<string>[], fields?: false) {
  const limiter = createLimiter({ rules })
  let warning: string | undefined
  for (let request = 0; request < requests; request++) {
    const decision = await limiter.admit('one')
    warning = new Map(limitFields(decision, fields === false ? { fields } : {})).get('sluice-warning')
  }
  return warning
}

const daily = { name: 'daily', limit: '20/day', algorithm: 'fixed-window', warn: ['80%', '95%'] } as const

describe('the header Sluice-Warning', () => {
  it('appears from the first threshold on, also on refusals and without RateLimit', async () => {
    expect(await warningsAfter(15, [daily])).toBeUndefined()
    expect(await warningsAfter(16, [daily])).toMatch(/^"daily";used=80;t=86[34]\d\d$/)
    expect(await warningsAfter(21, [daily])).toMatch(/^"daily";used=100;t=86[34]\d\d$/)
    expect(await warningsAfter(19, [daily], false)).toMatch(/^"daily";used=95;/)
  })

  it('is a structured list of the rules that warn, and says which soft limits are exceeded', async () => {
    const soft = { name: 'say "hi"', limit: '10/hour', algorithm: 'fixed-window', soft: true } as const
    const value = await warningsAfter(17, [daily, soft, { name: 'quiet', limit: '100/day' }])
    const items = parseList(value ?? '')
    expect(items.map(([name]) => name)).toEqual(['daily', 'say "hi"'])
    const [[, first], [, second]] = items as [[string, Map<string, unknown>], [string, Map<string, unknown>]]
    expect([first.get('used'), first.get('over')]).toEqual([85, undefined])
    expect([second.get('used'), second.get('over')]).toEqual([170, true])
  })
})
