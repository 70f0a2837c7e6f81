import type { SpendLedger } from '../../spend/spend-ledger.js'
import type { SpendRecorder } from '../../spend/spend-recorder.js'
import { type AdminResponse, failure } from '../admin-route.js'
import type { SpendReport } from '../api/spend-report.js'
import { spendCsv } from './spend-csv.js'
import { parseSpendQuery, type SpendQuery, SpendQueryError } from './spend-query.js'
import { spendReport } from './spend-report.js'

/** The ledger of a gateway, and what waits for it. */
export interface SpendSources {
  readonly ledger: Pick<SpendLedger, 'read' | 'kept'>
  readonly recorder: Pick<SpendRecorder, 'flush' | 'failure'>
}

/** Maximum time to add to the ledger what waits for it. */
const FLUSH_TIMEOUT_MS = 1000
/** Maximum number of reports that are created at the same time. */
const MAX_REPORTS = 4

/** Returns the handler of `/api/spend`. */
export function spendEndpoint({ ledger, recorder }: SpendSources) {
  let running = 0
  return async (parameters: URLSearchParams): Promise<AdminResponse> => {
    let query: SpendQuery
    try {
      query = parseSpendQuery(parameters, Date.now())
    } catch (error) {
      return rejected(error)
    }
    if (running >= MAX_REPORTS) return failure(503, 'too many reports are being created; try again')
    running++
    try {
      const isComplete = await recorder.flush(FLUSH_TIMEOUT_MS)
      const report = await spendReport(ledger, query)
      if (query.format === 'csv') return csvResponse(report)
      const reason = isComplete ? undefined : (recorder.failure ?? 'recent spend is still being added')
      return { status: 200, body: { ...report, ...(reason !== undefined && { failure: reason }) } }
    } catch (error) {
      return rejected(error)
    } finally {
      running--
    }
  }
}

function csvResponse(report: SpendReport): AdminResponse {
  const { by, from, to } = report
  return {
    status: 200,
    type: 'text/csv; charset=utf-8; header=present',
    body: spendCsv(report),
    fileName: `spend-by-${by}-${from}-${to}.csv`,
  }
}

function rejected(error: unknown): AdminResponse {
  const { message } = error as Error
  return error instanceof SpendQueryError
    ? failure(400, message)
    : failure(503, `the ledger of spend cannot be read: ${message}`)
}
