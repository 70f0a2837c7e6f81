import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BadTargetError,
  MAX_TARGET_BYTES,
  parseTarget,
  type Target,
} from '../../../src/policy/routing/target.js'

const SEED = 20261124

/** Valid and invalid parts of targets. */
const PIECES = [
  ...['/', '//', '.', '..', '/../', '/./', ';', ';a=b', '..;', '%', '%2e', '%2E', '%2f', '%5C', '%00', '%25'],
  ...[
    '%70',
    '%C3%A9',
    '%c3',
    '%ff',
    '%3b',
    '%3F',
    '\\',
    '#',
    '?',
    '*',
    ' ',
    '\0',
    '\r\n',
    '\x7f',
    '\xc3\xa9',
  ],
  ...[
    'http://',
    'HTTPS://host',
    'ftp:',
    '@',
    ':',
    'a',
    'B',
    'predict',
    '~',
    '"',
    '|',
    '[',
    'ē',
    '+',
    '-',
    '_',
  ],
]

const anyTarget = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }).map((bytes) => `/${latin1(bytes)}`),
)

/** Parses a target; returns undefined if it is rejected. Any other error fails the test. */
function read(target: string): Target | undefined {
  try {
    return parseTarget(target)
  } catch (error) {
    if (error instanceof BadTargetError) return undefined
    throw error
  }
}

describe('any request target', () => {
  it('is either parsed or rejected with a BadTargetError', () => {
    let accepted = 0
    fc.assert(
      fc.property(anyTarget, (target) => {
        if (read(target) !== undefined) accepted++
      }),
      { seed: SEED, numRuns: 5000 },
    )
    // Both must occur, or the properties below are meaningless.
    expect(accepted).toBeGreaterThan(500)
    expect(accepted).toBeLessThan(4500)
  })

  it('is forwarded in a spelling that parses to itself', () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const once = read(target)
        if (once === undefined) return
        expect(parseTarget(once.path + once.query)).toEqual(once)
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })

  it('is forwarded without anything that an upstream could parse as another path', () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const parsed = read(target)
        if (parsed === undefined) return
        expect(parsed.path).toMatch(/^\/[!-~]*$/)
        expect(parsed.path).not.toMatch(/\/\/|[\\?#]|%(?![0-9A-F]{2})|%(?:2F|5C|[01][0-9A-F]|7F)/)
        for (const piece of parsed.path.slice(1).split('/')) expect(piece).not.toMatch(/^\.{1,2}(?:;.*)?$/)
        expect(parsed.query).toMatch(/^(?:\?[^#\s]*)?$/)
        expect(parsed.path.length + parsed.query.length).toBeLessThanOrEqual(MAX_TARGET_BYTES)
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })

  it('has the decoded segments of its forwarded path, without parameters', () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const parsed = read(target)
        if (parsed === undefined) return
        const pieces = parsed.path.split('/').filter((piece) => piece !== '')
        expect(parsed.segments).toEqual(pieces.map((piece) => decodeURIComponent(piece.replace(/;.*/, ''))))
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })
})

/** A name that is a valid segment: neither rejected nor resolved. */
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  .filter((text) => !/[/\\\p{Cc}]/u.test(text) && text !== '.' && text !== '..')

/** A stream of random choices, each for the spelling at one position. */
const choices = fc.infiniteStream(fc.nat({ max: 99 }))

describe('two equivalent spellings of a path', () => {
  it('have the same segments', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), choices, choices, (names, first, second) => {
        const one = parseTarget(spell(names, first))
        const other = parseTarget(spell(names, second))
        expect(one.segments).toEqual(names)
        expect(other.segments).toEqual(names)
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })

  it('are forwarded in the same spelling if they differ only in dots, slashes and escapes', () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), choices, (names, stream) => {
        const plain = `/${names.map(encodeURIComponent).join('/')}`
        const dotted = plain.replaceAll(/[/.]|%../g, (found) => respell(found, pick(stream)))
        expect(parseTarget(dotted).path).toBe(parseTarget(plain).path)
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })
})

/** Spells a path at random, as an attacker might to evade a rule. */
function spell(names: readonly string[], stream: Iterator<number>): string {
  const scheme = pick(stream) < 10 ? 'http://example.com' : ''
  const end = ['', '', '/', '//', '/.', '/x/..', '/./'][pick(stream) % 7]
  const segments = names.map((text) => slashes(pick(stream)) + spellName(text, stream))
  const path = segments.join('') + end
  return scheme + (path === '' ? '/' : path)
}

function spellName(text: string, stream: Iterator<number>): string {
  const spelled = [...Buffer.from(text)].map((byte) => {
    const choice = pick(stream)
    const character = String.fromCharCode(byte)
    const bare = /[A-Za-z0-9._~!$&'()*+,=:@"<>[\]^`{|}-]/.test(character) || byte >= 0x80
    if (bare && choice < 60) return character
    const hex = byte.toString(16).padStart(2, '0')
    return `%${choice % 2 === 0 ? hex : hex.toUpperCase()}`
  })
  return spelled.join('') + (pick(stream) < 20 ? ';v=1' : '')
}

const slashes = (choice: number): string =>
  ['/', '/', '/', '//', '/./', '///', '/x/../', '/%2e/', '/y/.%2E//', '/a/b/../%2e%2e/'][choice % 10] ?? '/'

function respell(found: string, choice: number): string {
  if (found === '/') return slashes(choice)
  if (found === '.') return ['.', '%2e', '%2E'][choice % 3] ?? '.'
  return choice % 2 === 0 ? found.toLowerCase() : found
}

function pick(stream: Iterator<number>): number {
  return stream.next().value
}

function latin1(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('latin1')
}
