/**
 * A benchmark: cases, each with targets and with contenders that are measured in turn.
 *
 * A benchmark is a file `src/NAME.ts` whose default export is a `Bench`. `npm run bench -- NAME`
 * runs it. Every contender of a case runs in its own process, with its own heap and compiled code.
 * Each round measures all contenders one after the other, so noise on the machine affects them
 * equally. Ratios are computed within a round.
 */
export interface Bench {
  /** The heading above the tables. */
  readonly title: string
  readonly cases: readonly Case[]
}

/** One kind of figure, printed as one table. */
export interface Table {
  readonly name: string
  /** The unit of the figures, such as `ns per decision` or `requests/s`. */
  readonly unit: string
  readonly better: 'less' | 'more'
  /** `false` omits ratios, which mean nothing for figures that may be zero or negative. */
  readonly ratios?: false
  readonly targets?: readonly Target[]
}

export interface Case extends Table {
  /** Further tables of the same measurements. `measure` then returns one figure for each table. */
  readonly more?: readonly Table[]
  /** Number of times that each contender is measured. Default: 15. */
  readonly rounds?: number
  /** `false` skips the first, uncounted round, which compiles code and fills caches. */
  readonly warmUp?: false
  readonly contenders: readonly Contender[]
}

export interface Contender {
  readonly name: string
  /** `floor`: the minimum work of any implementation, and so a lower bound of the cost. */
  readonly role: 'ours' | 'peer' | 'floor'
  /**
   * Prepares the contender in its own process, in which `gc()` is available.
   *
   * @throws CannotRun if a program or a feature of the system is missing
   */
  start(): Started | Promise<Started>
}

export interface Started {
  /**
   * Runs one measurement, mostly of 0.1 to 2 seconds, and returns the figure in the unit of the
   * case. With further tables, it returns a list: the figure of the case, and those of the tables.
   */
  measure(): Measured | Promise<Measured>
  stop?(): void | Promise<void>
}

export type Measured = number | readonly number[]

/** A bound on a contender's figure, or on its ratio to the figure of another contender. */
export interface Target {
  readonly contender: string
  readonly against?: string
  readonly atMost?: number
  readonly atLeast?: number
}

/** Reports why a contender cannot be measured. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun'
}
