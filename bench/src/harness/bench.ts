/**
 * What a bench is: cases, each with contenders that are measured in turn, and what is aimed at.
 *
 * A bench is a file `src/NAME.ts` whose default export is a `Bench`; `npm run bench -- NAME` runs it. Every contender of a case
 * runs in a process of its own, with a heap and compiled code of its own. In each round all of them are measured one after the
 * other, so that what disturbs the machine disturbs them all; ratios are taken within a round.
 */
export interface Bench {
  /** What the page says above the tables. */
  readonly title: string
  readonly cases: readonly Case[]
}

export interface Case {
  readonly name: string
  /** Of the figures: `ns a decision`, `requests/s`. */
  readonly unit: string
  readonly better: 'less' | 'more'
  /** How often all are measured; default 15. */
  readonly rounds?: number
  /** `false`: there is no round before them that does not count, in which code gets compiled and caches get filled. */
  readonly warmUp?: false
  readonly contenders: readonly Contender[]
  readonly targets?: readonly Target[]
}

export interface Contender {
  readonly name: string
  /** `floor`: what cannot be done without, and so the least that it can cost. */
  readonly role: 'ours' | 'peer' | 'floor'
  /**
   * Gets ready to be measured, in its own process (which has `gc()`).
   *
   * @throws CannotRun where something that it needs is not here.
   */
  start(): Started | Promise<Started>
}

export interface Started {
  /** Measures once, for about 0.1 to 2 seconds: the figure, in the case's unit. */
  measure(): number | Promise<number>
  stop?(): void | Promise<void>
}

/** What is aimed at: a bound of a contender's figure itself, or of its ratio to another contender's. */
export interface Target {
  readonly contender: string
  readonly against?: string
  readonly atMost?: number
  readonly atLeast?: number
}

/** Why a contender is not measured. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun'
}
