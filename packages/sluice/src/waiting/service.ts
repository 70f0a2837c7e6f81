import type { WindowOptions } from '../overload/hand-over-window.js'
import type { Rejection } from '../overload/upstream-hold.js'
import type { Work } from '../rules/work.js'
import type { Rank, Share } from './share.js'

/** What begins when a request is admitted. */
export interface Dispatch {
  /** The scope of the rule. */
  readonly scope: string
  /** Undefined if the rule is not fair. */
  readonly share: Share | undefined
  /** Undefined if the rule has no classes. */
  readonly rank: Rank | undefined
  /** Undefined if the rule has no hand-over window. */
  readonly sending: Sending | undefined
}

/** A request that is sent to the server of a hand-over window. */
export interface Sending {
  readonly window: WindowOptions
  /** Input that the server must read. */
  readonly input: number
  /** False if the response comes as a whole, so that its beginning is not seen. */
  readonly isStream: boolean
}

/** The actual work of a request whose response has ended. */
export interface ServedWork extends Partial<Work> {
  /** The part of the output that the client was shown. Default: what was written, or all of it. */
  readonly shown?: number
  /** True if the output is an estimate, because the server did not report it. */
  readonly isEstimated?: boolean
  /** True if the response was ended before its end. */
  readonly isCut?: boolean
}

/** What an admitted request reports to its line. */
export interface Service {
  /** Its response has begun. */
  began(): void
  /** @param output all output so far. @param shown the part of it that the client was shown */
  wrote(output: number, shown: number): void
  /** Its actual work is known. Later reports have no effect. */
  served(work: ServedWork): void
  /** The server did not take the request. @param retryAfterMs when the server wants requests again */
  rejected(kind: Rejection, retryAfterMs?: number): void
  /** It never ran, or did no work. */
  takeBack(): void
  /** It has ended. */
  end(): void
}
