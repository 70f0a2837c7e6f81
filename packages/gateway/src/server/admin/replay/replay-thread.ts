import { parentPort, workerData } from 'node:worker_threads'
import type { ConfigSource, GatewayConfig, RecordConfig } from '../../../policy/config/config.js'
import { ConfigError, knownVariables, parseConfig } from '../../../policy/config/load-config.js'
import type { ReportPage } from '../../../replay/html/fill-template.js'
import { pageOfSuggestion } from '../../../replay/html/suggestion-page.js'
import { RecordSnapshot } from '../../../replay/record/snapshot.js'
import { compare, replay } from '../../../replay/replay.js'
import type { ReplayOptions } from '../../../replay/replay-options.js'
import { suggest } from '../../../replay/suggest/suggest.js'
import { suggestedYaml } from '../../../replay/suggest/suggest-yaml.js'
import { TraceError } from '../../../replay/trace/trace-request.js'
import type { ReplayLine } from '../api/replay-types.js'
import type { ReplayRequest } from './replay-request.js'

/** The input of the thread. */
export interface ThreadTask {
  readonly record: RecordConfig
  readonly running: ConfigSource
  readonly request: ReplayRequest
  /** Start of the replayed period, in epoch milliseconds; undefined for the whole record. */
  readonly since: number | undefined
}

/**
 * A message from the thread: a line of the response, or one of these events: the thread has loaded
 * and may be terminated, the replay has begun, or the posted configuration is invalid.
 */
export type ThreadLine =
  | ReplayLine
  | { readonly loaded: true }
  | { readonly begun: true }
  | { readonly invalid: string }

/** The names of the two configurations in a report. */
const RUNNING = 'running limits'
const OTHER = 'new limits'

/** The sections of a posted configuration that may refer to variables: those that no page shows. */
const POSTED_SECTIONS = ['upstream']

/**
 * Maximum number of requests remembered to suggest a limit. They take at most 100 MB of the memory,
 * which the thread shares with the gateway.
 */
const MAX_REMEMBERED = 4_000_000

const PROGRESS_INTERVAL_MS = 100

send({ loaded: true })
send(await run(workerData as ThreadTask))

async function run({ record, running, request, since }: ThreadTask): Promise<ThreadLine> {
  // Parsed in this thread, because parsing the largest configuration blocks for two seconds.
  const other = otherConfig(request, running)
  if (other instanceof ConfigError) return { invalid: other.message }
  send({ begun: true })
  const snapshot = await RecordSnapshot.take(record, since)
  let passes = 0
  let reportedAt = 0
  const read = () => {
    passes++
    return snapshot.read()
  }
  const options: ReplayOptions = {
    // The other CPU cores serve requests.
    threads: 1,
    onProgress(_part, requests) {
      if (performance.now() - reportedAt < PROGRESS_INTERVAL_MS) return
      reportedAt = performance.now()
      send({ progress: { part: snapshot.part, requests, rounds: passes - 1 } })
    },
  }
  try {
    const config = parseConfig(running.text, running.file, knownVariables(running.variables))
    const page = await pageOf(request, config, other, read, options)
    return { page: { trace: rangeOf(request), ...(snapshot.damaged > 0 ? withDamageNote(page) : page) } }
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    const isEmpty = request.hours !== undefined && (await snapshot.firstRequestTime()) === undefined
    return { error: isEmpty ? `no requests were recorded in ${rangeOf(request)}` : error.message }
  } finally {
    await snapshot.close()
  }
}

/** Returns the posted configuration, or the error in it; undefined if none was posted. */
function otherConfig(
  { posted }: ReplayRequest,
  { variables }: ConfigSource,
): GatewayConfig | ConfigError | undefined {
  if (posted === undefined) return undefined
  try {
    return parseConfig(posted, 'posted', knownVariables(variables, POSTED_SECTIONS))
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

function send(line: ThreadLine): void {
  parentPort?.postMessage(line)
}

async function pageOf(
  { objective }: ReplayRequest,
  config: GatewayConfig,
  other: GatewayConfig | undefined,
  read: () => ReturnType<RecordSnapshot['read']>,
  options: ReplayOptions,
): Promise<Omit<ReportPage, 'trace'>> {
  if (objective !== undefined) {
    const { text, ...target } = objective
    const suggestion = await suggest(read, config, text, {
      ...options,
      ...target,
      mostRemembered: MAX_REMEMBERED,
    })
    const yamlOf = (limit: string) => suggestedYaml(config.source.text, suggestion, limit)
    return pageOfSuggestion(read, config, suggestion, yamlOf, { ...options, route: target.route })
  }
  if (other === undefined) return { names: [RUNNING], report: await replay(read(), config, options) }
  const comparison = await compare(read(), config, other, options)
  return { names: [RUNNING, OTHER], report: comparison.one, comparison }
}

function withDamageNote<Page extends Pick<ReportPage, 'report' | 'comparison'>>(page: Page): Page {
  const damage = 'A file of the record is damaged. The requests after the damage were not replayed.'
  const report = { ...page.report, notes: [...page.report.notes, damage] }
  return { ...page, report, ...(page.comparison && { comparison: { ...page.comparison, one: report } }) }
}

function rangeOf({ hours }: ReplayRequest): string {
  if (hours === undefined) return 'all recorded traffic'
  return hours === 1 ? 'the last hour' : `the last ${hours} hours`
}
