import type { Sample, Tokens } from '../../../src/server/admin/api/live-samples.js'
import { bucketStart } from './buckets.js'

/** What tokens are grouped by. */
export type TokenGroup = 'route' | 'model' | 'client'

/** The tokens of a route, a model or a client in a period. */
export interface TokenTotal extends Tokens {
  readonly name: string
  /** Tokens per minute, one value for each point. */
  readonly perMinute: readonly number[]
}

/** The name of the sum of all routes, models or clients that have no line of their own. */
export const OTHERS = '(others)'

/**
 * Returns the names with the most tokens, and the sum of the others.
 *
 * @param times start of each point, in epoch milliseconds
 * @param length seconds per point
 * @param max number of names
 */
export function tokensIn(
  samples: readonly Sample[],
  group: TokenGroup,
  times: readonly number[],
  length: number,
  max: number,
): TokenTotal[] {
  const totals = sumByName(samples, group)
  const names = [...totals.keys()]
    .filter((name) => name !== OTHERS)
    .sort((a, b) => all(totals.get(b)) - all(totals.get(a)))
    .slice(0, max)
  const lines = new Map(names.map((name) => [name, empty(name, times)]))
  const others = empty(OTHERS, times)
  const pointOf = new Map(times.map((at, index) => [at, index]))
  const seconds = times.map(() => 0)
  for (const sample of samples) {
    const point = pointOf.get(bucketStart(sample.at, length))
    if (point === undefined) continue
    seconds[point] = (seconds[point] ?? 0) + sample.seconds
    for (const [name, tokens] of tokensOf(sample, group)) {
      const line = lines.get(name) ?? others
      line.input += tokens.input
      line.output += tokens.output
      line.perMinute[point] = (line.perMinute[point] ?? 0) + all(tokens)
    }
  }
  return [...lines.values(), ...(all(others) > 0 ? [others] : [])].map((line) => ({
    ...line,
    perMinute: line.perMinute.map((tokens, point) => (tokens * 60) / Math.max(seconds[point] ?? 0, 1)),
  }))
}

function sumByName(samples: readonly Sample[], group: TokenGroup): Map<string, Tokens> {
  const totals = new Map<string, Tokens>()
  for (const sample of samples)
    for (const [name, { input, output }] of tokensOf(sample, group)) {
      const before = totals.get(name) ?? { input: 0, output: 0 }
      totals.set(name, { input: before.input + input, output: before.output + output })
    }
  return totals
}

function tokensOf({ routes, models, clients }: Sample, group: TokenGroup): [string, Tokens][] {
  if (group === 'model') return Object.entries(models ?? {})
  if (group === 'client') return Object.entries(clients ?? {})
  return Object.entries(routes).flatMap(([route, { model }]) =>
    model === undefined ? [] : [[route, model] as [string, Tokens]],
  )
}

function empty(name: string, times: readonly number[]) {
  return { name, input: 0, output: 0, perMinute: times.map(() => 0) }
}

function all(tokens: Tokens | undefined): number {
  return tokens === undefined ? 0 : tokens.input + tokens.output
}
