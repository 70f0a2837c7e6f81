import type { ReportPage } from '../../../replay/html/fill-template.js'

/** The response of `/api/record`: the recorded traffic that can be replayed. */
export type RecordStatus =
  | { readonly recording: false }
  | {
      readonly recording: true
      readonly files: number
      /** Compressed size. */
      readonly bytes: number
      /** Epoch milliseconds of the first recorded request; null if there is none yet. */
      readonly since: number | null
      /** The routes and limits of the running configuration, without secrets. */
      readonly yaml: string
      /** The rules for which a limit can be suggested. */
      readonly rules: readonly SuggestibleRule[]
    }

export interface SuggestibleRule {
  readonly route: string
  readonly rule: string
  readonly limit: string
}

/** A line of the streamed response of `/api/replay`. The last line is a page or an error. */
export type ReplayLine =
  | { readonly progress: ReplayProgress }
  | { readonly page: ReportPage }
  | { readonly error: string }

export interface ReplayProgress {
  /** The fraction of the record that has been read, from 0 to 1. */
  readonly part: number
  /** Requests replayed so far. */
  readonly requests: number
  /** Completed passes over the record; suggesting a limit takes several. */
  readonly rounds: number
}

/** The media type of a streamed replay. */
export const NDJSON = 'application/x-ndjson'
