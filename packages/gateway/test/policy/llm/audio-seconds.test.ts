import fc from 'fast-check'
import { expect, it } from 'vitest'
import { audioSeconds } from '../../../src/policy/llm/request/audio-seconds.js'
import { wavFile } from './wav-file.js'

it('the length of a WAV file is computed from its format', () => {
  expect(audioSeconds(wavFile(16_000, 10))).toBe(11)
  expect(audioSeconds(wavFile(44_100, 3, { channels: 2 }))).toBe(4)
  expect(audioSeconds(wavFile(8000, 5, { before: 'LIST' }))).toBe(6)
})

it('the length of another file, or of a WAV file with compressed samples, is estimated from its size', () => {
  expect(audioSeconds(Buffer.alloc(40_000))).toBe(10)
  expect(audioSeconds(Buffer.alloc(0))).toBe(0)
  expect(audioSeconds(wavFile(16_000, 1, { format: 0x55 }))).toBe(9)
  expect(audioSeconds(wavFile(0, 0))).toBe(1)
})

it('the length of arbitrary bytes is a whole number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (array, isWav) => {
      const bytes = Buffer.from(array)
      if (isWav && bytes.length > 12) bytes.write('RIFF    WAVE', 'latin1')
      expect(Number.isSafeInteger(audioSeconds(bytes))).toBe(true)
    }),
    { seed: 20261202 },
  )
})
