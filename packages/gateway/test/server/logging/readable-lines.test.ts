import { describe, expect, it } from 'vitest'
import { createProcessLog } from '../../../src/server/logging/log.js'
import { logFormat, readableLine } from '../../../src/server/logging/readable-lines.js'

describe('logFormat', () => {
  it.each([
    ['json', {}, false],
    ['json', { FORCE_COLOR: '1' }, false],
    ['colored', { TERM: 'xterm-256color' }, true],
    ['colored', { NO_COLOR: '' }, true],
    ['plain', { NO_COLOR: '1' }, true],
    ['plain', { TERM: 'dumb' }, true],
  ] as const)('is %s with %j on a terminal: %s', (format, env, isTerminal) => {
    expect(logFormat(env, isTerminal)).toBe(format)
  })
})

describe('readableLine', () => {
  const line = JSON.stringify({
    ...{ level: 40, time: '2026-11-26T12:00:00.000Z', route: 'POST /predict', rule: 'requests' },
    ...{ cost: 1, heaviest: [{ count: 2 }], msg: 'request refused' },
  })
  const clock = new Date('2026-11-26T12:00:00.000Z').toTimeString().slice(0, 8)

  it('writes the time, the level, the message and the fields', () => {
    expect(readableLine(line, false)).toBe(
      `${clock}.000 WARN  request refused route="POST /predict" rule=requests cost=1 heaviest=[{"count":2}]\n`,
    )
  })

  it('has colors only if asked for them', () => {
    expect(readableLine(line, false)).not.toContain('\x1b')
    expect(readableLine(line, true)).toContain('\x1b[33mWARN \x1b[0m')
  })

  it('escapes every character that could control the terminal, in values, names and messages', () => {
    const unsafe = '\x1b]0;title\x07\x9b31m\u202e\r\n\x7f'
    const text = readableLine(JSON.stringify({ level: 30, [unsafe]: unsafe, msg: unsafe }), false)
    expect(text.match(/\n/g)).toHaveLength(1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the test looks for
    expect(text.slice(0, -1)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e]/)
    expect(text).toContain('\\u009b31m')
  })

  it('writes the stack of an error below its line', () => {
    const text = readableLine(
      JSON.stringify({ level: 50, msg: 'unexpected error', err: { stack: 'Error: x\n    at y' } }),
      false,
    )
    expect(text.split('\n').slice(1)).toEqual(['    Error: x', '        at y', ''])
  })

  it('keeps lines that are not JSON objects, without control characters', () => {
    expect(readableLine('plain \x1b[31m text\n', false)).toBe('plain \\u001b[31m text\n')
    expect(readableLine('[1]', false)).toBe('[1]\n')
  })
})

describe('the log of a process', () => {
  const logged = (format: 'json' | 'plain') => {
    let text = ''
    const log = createProcessLog((bytes) => {
      text += bytes
      return bytes.length
    }, format)
    log.info({ path: '/a' }, 'hello')
    log.relay?.('{"level":40,"msg":"from a worker"}')
    return text.split('\n')
  }

  it('is readable on a terminal, including the lines of workers', () => {
    const [own, relayed] = logged('plain')
    expect(own).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}hello path=\/a$/)
    expect(relayed).toBe('--:--:--.--- WARN  from a worker')
  })

  it('is JSON elsewhere', () => {
    const [own = '', relayed] = logged('json')
    expect(JSON.parse(own)).toMatchObject({ level: 30, path: '/a', msg: 'hello' })
    expect(relayed).toBe('{"level":40,"msg":"from a worker"}')
  })
})
