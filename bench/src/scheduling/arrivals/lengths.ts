import { readFileSync } from 'node:fs'
import type { Random } from './random.js'

/** The prompt and output tokens of a request. */
interface Lengths {
  readonly input: number
  readonly output: number
}

/** Returns the lengths of one request after the other. */
export type LengthSource = (random: Random) => () => Lengths

/** Log-normal lengths, cut off at `max`. `sigma` is the standard deviation of the logarithm. */
export interface LogNormalLengths {
  readonly median: number
  readonly sigma: number
  readonly max: number
}

/** Returns lengths that are drawn independently. */
export function generatedLengths(input: LogNormalLengths, output: LogNormalLengths): LengthSource {
  return (random) => () => ({ input: draw(random, input), output: draw(random, output) })
}

function draw(random: Random, { median, sigma, max }: LogNormalLengths): number {
  return Math.max(1, Math.min(max, Math.round(random.logNormal(median, sigma))))
}

/**
 * Reads the lengths of a trace of Azure (columns TIMESTAMP, ContextTokens, GeneratedTokens), and
 * returns them in the order of the file from a random row on. The first row follows the last.
 */
export function recordedLengths(file: string): LengthSource {
  const rows = readFileSync(file, 'utf8').trim().split('\n').slice(1).map(parseRow)
  return (random) => {
    let next = random.below(rows.length)
    return () => rows[next++ % rows.length] as Lengths
  }
}

function parseRow(line: string): Lengths {
  const [, input, output] = line.split(',')
  return { input: Math.max(1, Number(input)), output: Math.max(1, Number(output)) }
}
