import type { Work } from '../rules/work.js'

/** The part of a line that a request belongs to. */
export interface Share {
  /** The tenant that is charged. */
  readonly tenant: string
  /** The tenant's part of the service, relative to those of others. More than 0. */
  readonly weight: number
  /** The predicted work of the request. */
  readonly work: Work
  /** What a unit of input and of output weigh. */
  readonly counts: Work
}

/** The service that an admitted request gets. It is charged when the request is admitted. */
export interface Service {
  /** Charges output that exceeds the prediction. @param output all units so far */
  wrote(output: number): void
  /** Charges or refunds the difference to the actual work. Later reports have no effect. */
  served(work: Partial<Work>): void
  /** Refunds everything, unless the actual work is known. */
  takeBack(): void
  /**
   * Ends the request. If its actual work is not known, output that was not written is refunded,
   * unless no output was reported at all.
   */
  end(): void
}
