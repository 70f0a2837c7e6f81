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

/** The class of a request. */
export interface Rank {
  /** 0 for the class that is served first. */
  readonly index: number
  readonly name: string
  /** The part of the service that each class gets at least while it waits, from 0 to 1. */
  readonly floors: readonly number[]
  /** Requests of the pool that may be in flight for another one of this class to start. */
  readonly most: number
}

/** The charge of an admitted request to its tenant. It is made when the request is admitted. */
export interface TenantCharge {
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
