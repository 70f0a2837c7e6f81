/** Returns the next number of a random sequence in [0, 1). */
export type Random = () => number

/**
 * Creates a small random number generator: a 32-bit Weyl sequence, mixed twice by shift and
 * multiplication. The same seed gives the same sequence. Suitable for sampling data and words, but
 * not for secrets.
 *
 * @param seed any finite number; all 53 bits of an integer are used
 */
export function seededRandom(seed: number): Random {
  let state = mix(Math.trunc(seed) | 0) ^ mix(Math.trunc(seed / 2 ** 32) | 0x5bd1)
  return () => {
    state = (state + 0x9e3779b9) | 0
    return (mix(state) >>> 0) / 2 ** 32
  }
}

function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** Returns a normally distributed number with mean 0 and variance 1 (Box-Muller transform). */
export function gaussian(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return radius * Math.cos(2 * Math.PI * random())
}
