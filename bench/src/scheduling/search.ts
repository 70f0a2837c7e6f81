/** The seeds on which the parameters of contenders are searched. They are used for nothing else. */
const SEARCH_SEEDS = [101, 102] as const

/** The search for the parameters of a contender. */
export interface SearchReport {
  readonly contender: string
  /** What the search maximized or minimized. */
  readonly objective: string
  /** Each setting with its score, the mean over the search seeds. */
  readonly tried: readonly { readonly setting: object; readonly score: number }[]
  readonly chosen: object
}

/**
 * Returns the best setting of a contender. All contenders of an experiment get the same number of
 * settings and the same seeds.
 *
 * @param score returns the score of a setting for a seed
 */
export function search<T extends object>(
  contender: string,
  objective: string,
  better: 'less' | 'more',
  settings: readonly T[],
  score: (setting: T, seed: number) => number,
): SearchReport & { readonly chosen: T } {
  const tried = settings.map((setting) => {
    const scores = SEARCH_SEEDS.map((seed) => score(setting, seed))
    return { setting, score: scores.reduce((sum, each) => sum + each, 0) / scores.length }
  })
  const sign = better === 'less' ? 1 : -1
  const [best] = tried.toSorted((a, b) => sign * (a.score - b.score))
  if (best === undefined) throw new RangeError('a search needs at least one setting')
  return { contender, objective, tried, chosen: best.setting }
}

/** Returns all combinations of the values of each parameter. */
export function grid<T extends object>(values: { readonly [K in keyof T]: readonly T[K][] }): T[] {
  let settings: Partial<T>[] = [{}]
  for (const [name, options] of Object.entries(values) as [keyof T, readonly T[keyof T][]][])
    settings = settings.flatMap((setting) => options.map((option) => ({ ...setting, [name]: option })))
  return settings as T[]
}
