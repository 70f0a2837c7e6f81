export { loadConfig, parseConfig } from '../policy/config/load-config.js'
export type { Outcome, Played } from './engine/replay-events.js'
export { compare, replay } from './replay.js'
export type { ReplayOptions } from './replay-options.js'
export type { ClientDifference, Comparison } from './report/comparison.js'
export type {
  ClientReport,
  LockoutReport,
  ReplayReport,
  RuleReport,
  TimelineReport,
} from './report/report.js'
export { comparisonSummary, summary } from './report/report-summary.js'
export { ModelServer } from './server/model-server.js'
export { SERVER_PRESETS } from './server/presets.js'
export type { ServerFigures } from './server/server-figures.js'
export { loadServer } from './server/server-file.js'
export type { ServerReport } from './server/server-report.js'
export type { ServerSetup } from './server/server-setup.js'
export { type ClauseResult, type SuggestedLimit, type Suggestion, suggest } from './suggest/suggest.js'
export type { SuggestOptions } from './suggest/suggest-options.js'
export { TraceError, type TraceRequest } from './trace/trace-request.js'
