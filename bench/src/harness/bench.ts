/**
 * A set of cases, each with contenders that are measured in turn, and with targets.
 *
 * A bench is a file `src/NAME.ts` whose default export is a `Bench`. `npm run bench -- NAME` runs
 * it. Every contender of a case runs in its own process, with its own heap and compiled code. Each
 * round measures all of them one after the other, so that noise on the machine affects them
 * equally. Ratios are taken within a round.
 */
export interface Bench {
  /** The heading above the tables. */
  readonly title: string
  readonly cases: readonly Case[]
}

export interface Case {
  readonly name: string
  /** The unit of the figures, such as `ns a decision` or `requests/s`. */
  readonly unit: string
  readonly better: 'less' | 'more'
  /** How often every contender is measured; default 15. */
  readonly rounds?: number
  /** `false` skips the uncounted first round, which compiles code and fills caches. */
  readonly warmUp?: false
  readonly contenders: readonly Contender[]
  readonly targets?: readonly Target[]
}

export interface Contender {
  readonly name: string
  /** `floor`: the minimum work that any implementation needs, a lower bound of the cost. */
  readonly role: 'ours' | 'peer' | 'floor'
  /**
   * Prepares the contender in its own process, which has `gc()`.
   *
   * @throws CannotRun if a program or a feature of the system is missing
   */
  start(): Started | Promise<Started>
}

export interface Started {
  /** Measures once, for about 0.1 to 2 seconds, and returns the figure in the unit of the case. */
  measure(): number | Promise<number>
  stop?(): void | Promise<void>
}

/** A bound for a contender's figure, or for its ratio to the figure of another contender. */
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
