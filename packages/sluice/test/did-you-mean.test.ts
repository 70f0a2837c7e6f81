import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nearest, suggest, suggestOrList } from '../src/did-you-mean.js'

describe('nearest', () => {
  const known = ['limit', 'limits', 'match', 'time_zone', 'by', 'of']
  it.each<[string, string | undefined]>([
    ['limts', 'limits'],
    ['limit', 'limit'],
    ['lmiit', 'limit'],
    ['timeZone', 'time_zone'],
    ['TIME-ZONE', 'time_zone'],
    ['mtach', 'match'],
    ['patch', 'match'],
    ['colour', undefined],
    // A word of two letters is near any other short word, so none is suggested.
    ['if', undefined],
    ['', undefined],
  ])('maps the word %j to %j', (word, expected) => {
    expect(nearest(word, known)).toBe(expected)
  })

  it('finds a known word by its exact spelling and by a spelling with one letter missing', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{4,12}$/), fc.nat(), (word, at) => {
        const cut = at % word.length
        expect(nearest(word, ['zzzzzzzzzzzzzzzz', word])).toBe(word)
        expect(nearest(word.slice(0, cut) + word.slice(cut + 1), [word])).toBe(word)
      }),
      { seed: 20261124, numRuns: 200 },
    )
  })
})

describe('suggest', () => {
  it('asks whether a similar word was meant', () => {
    expect(suggest('limts', ['limits', 'match'])).toBe("; did you mean 'limits'?")
  })

  it('returns an empty string when no word is similar', () => {
    expect(suggest('colour', ['limits', 'match'])).toBe('')
  })
})

describe('suggestOrList', () => {
  it('asks whether a similar word was meant', () => {
    expect(suggestOrList('limts', ['limits', 'match'])).toBe("; did you mean 'limits'?")
  })

  it('lists the known words when none is similar', () => {
    expect(suggestOrList('colour', ['limits', 'match'])).toBe('; expected one of limits, match')
  })
})
