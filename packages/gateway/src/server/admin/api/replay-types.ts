import type { ReportPage } from '../../../replay/html/fill-template.js'

/** What the admin port tells of the record and of a replay of it, as JSON. */

/** What there is to replay, at `/api/record`. */
export type RecordStatus =
  | { readonly recording: false }
  | {
      readonly recording: true
      readonly files: number
      /** As they are stored. */
      readonly bytes: number
      /** Epoch milliseconds at which the first request in them came; null where there is none yet. */
      readonly since: number | null
      /** What a replay plays of the configuration that runs: its routes and limits, without what is secret. */
      readonly yaml: string
      /** The rules whose limit can be searched for. */
      readonly rules: readonly SearchedRule[]
    }

export interface SearchedRule {
  readonly route: string
  readonly rule: string
  readonly limit: string
}

/** A line of a replay that is told as it goes on. The last one is a page or an error. */
export type ReplayLine =
  | { readonly progress: ReplayProgress }
  | { readonly page: ReportPage }
  | { readonly error: string }

export interface ReplayProgress {
  /** How much of the record was read, from 0 to 1. */
  readonly part: number
  /** How many requests of it were played. */
  readonly requests: number
  /** How often it was read before: a wish reads it several times. */
  readonly rounds: number
}

/** The type of an answer that is told as it goes on. */
export const AS_IT_GOES = 'application/x-ndjson'
