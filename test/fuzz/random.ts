/** Reproducible random choices. */
export interface Random {
  /** Returns an integer from 0 to `below`, exclusive. */
  below(below: number): number
  /** Returns true with the given probability. */
  chance(probability: number): boolean
  pick<T>(choices: readonly T[]): T
}

/**
 * Creates a mulberry32 generator. The same seeds give the same choices on every machine.
 */
export function seededRandom(...seeds: readonly number[]): Random {
  let state = seeds.reduce((mixed, seed) => Math.imul(mixed ^ seed, 0x9e3779b1) + 0x7f4a7c15, 0x2545f491) | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    below: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (choices) => choices[Math.floor(next() * choices.length)] as (typeof choices)[number],
  }
}
