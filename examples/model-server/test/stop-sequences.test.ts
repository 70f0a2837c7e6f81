import fc from 'fast-check'
import { expect, it } from 'vitest'
import { StopSequences } from '../src/http/stop-sequences.js'

/** Returns the output for pieces added one by one. */
function outputOf(pieces: readonly string[], stops: readonly string[]) {
  const sequences = new StopSequences(stops)
  let text = ''
  for (const piece of pieces) {
    const step = sequences.add(piece)
    text += step.text
    if (step.stopped) return { text, stopped: true }
  }
  return { text: text + sequences.rest(), stopped: false }
}

it('StopSequences cuts the text before a stop sequence that arrives in pieces', () => {
  expect(outputOf(['one, t', 'wo', '. three'], ['wo.'])).toEqual({ text: 'one, t', stopped: true })
})

it('StopSequences passes on text that only begins like a stop sequence', () => {
  expect(outputOf(['aa', 'b', 'aa'], ['aac'])).toEqual({ text: 'aabaa', stopped: false })
})

it('StopSequences holds back only the beginning of a possible stop sequence', () => {
  const sequences = new StopSequences(['abc'])
  expect(sequences.add('xxab').text).toBe('xx')
  expect(sequences.add('ab').text).toBe('ab')
})

it('StopSequences cuts the text at the same position if it arrives in single characters', () => {
  const word = (minLength: number, maxLength: number) =>
    fc.string({ unit: fc.constantFrom('a', 'b'), minLength, maxLength })
  fc.assert(
    fc.property(word(0, 30), fc.array(word(1, 4), { maxLength: 3 }), (text, stops) => {
      // The stop sequence that is completed first determines the cut.
      const ends = stops
        .map((stop) => text.indexOf(stop) + stop.length)
        .filter((_, i) => text.includes(stops[i] ?? ''))
      const end = Math.min(...ends)
      const starts = stops
        .filter((stop) => text.slice(0, end).endsWith(stop))
        .map((stop) => end - stop.length)
      const { text: out, stopped } = outputOf([...text], stops)
      expect(stopped).toBe(ends.length > 0)
      expect(out).toBe(stopped ? text.slice(0, Math.min(...starts)) : text)
    }),
    { seed: 20261124, numRuns: 1000 },
  )
})
