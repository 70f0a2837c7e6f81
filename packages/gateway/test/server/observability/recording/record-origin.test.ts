import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import {
  createRecordOrigin,
  timeOriginOf,
} from '../../../../src/server/observability/recording/record-origin.js'

const BUILT = new URL('../../../../dist/server/observability/recording/record-origin.js', import.meta.url)

it('is the clock of the process that created it', () => {
  expect(timeOriginOf(createRecordOrigin())).toBeCloseTo(performance.timeOrigin, 2)
})

it('gives all processes the same clock, even after the system clock has changed', () => {
  // A clock of another day, as in a process that started before the system clock was set.
  const clockOrigin = createRecordOrigin().clockOrigin - 86_400_000
  const program = `
    const { timeOriginOf } = await import(${JSON.stringify(BUILT)})
    const timeOrigin = timeOriginOf({ clockOrigin: ${clockOrigin} })
    const before = Number(process.hrtime.bigint()) / 1e6
    const now = timeOrigin + performance.now()
    const after = Number(process.hrtime.bigint()) / 1e6
    console.log(JSON.stringify({ before, now, after }))
  `
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  })
  const { before, now, after } = JSON.parse(output)
  expect(now - clockOrigin).toBeGreaterThan(before - 1)
  expect(now - clockOrigin).toBeLessThan(after + 1)
})
