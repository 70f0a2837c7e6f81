import { parentPort, workerData } from 'node:worker_threads'
import type { GatewayConfig, RecordConfig } from '../../../policy/config/config.js'
import { ConfigError, parseConfig } from '../../../policy/config/load-config.js'
import type { ReportPage } from '../../../replay/html/fill-template.js'
import { pageOfSuggestion } from '../../../replay/html/suggestion-page.js'
import { compare, replay } from '../../../replay/replay.js'
import type { ReplayOptions } from '../../../replay/replay-options.js'
import { suggest } from '../../../replay/suggest/suggest.js'
import { suggestedYaml } from '../../../replay/suggest/suggest-yaml.js'
import { TraceError } from '../../../replay/trace/trace-request.js'
import { RecordSnapshot } from '../../observability/recording/snapshot.js'
import type { ReplayLine } from '../api/replay-types.js'
import type { ReplayQuestion } from './replay-request.js'

/** What a thread is started with. */
export interface ThreadTask {
  readonly record: RecordConfig
  readonly running: { readonly file: string; readonly text: string }
  readonly question: ReplayQuestion
  /** Epoch milliseconds; undefined: all that was recorded. */
  readonly since: number | undefined
}

/** What it tells: that it can be ended; of a configuration what is wrong with it, or that it is played; and the lines of a replay. */
export type ThreadLine =
  | ReplayLine
  | { readonly loaded: true }
  | { readonly begun: true }
  | { readonly wrong: string }

/** What the two configurations are called. */
const RUNNING = 'the limits that run'
const OTHER = 'the other limits'

/** Of a wish, 100 MB at most: it is the memory of the gateway. */
const MAX_REMEMBERED = 4_000_000

/** How often it is told how far it is, in milliseconds. */
const TELL_EVERY = 100

tell({ loaded: true })
parentPort?.postMessage(await answerTo(workerData as ThreadTask))

async function answerTo({ record, running, question, since }: ThreadTask): Promise<ThreadLine> {
  // Read here and nowhere else: the largest that somebody can post takes two seconds, in which no request would be answered.
  const other = otherConfig(question)
  if (other instanceof ConfigError) return { wrong: other.message }
  tell({ begun: true })
  const snapshot = await RecordSnapshot.take(record, since)
  let readings = 0
  let told = 0
  const read = () => {
    readings++
    return snapshot.read()
  }
  const options: ReplayOptions = {
    // The other processor is for the requests.
    threads: 1,
    onProgress(_part, requests) {
      if (performance.now() - told < TELL_EVERY) return
      told = performance.now()
      tell({ progress: { part: snapshot.part, requests, rounds: readings - 1 } })
    },
  }
  try {
    const config = parseConfig(running.text, running.file)
    const page = await pageOf(question, config, other, read, options)
    return { page: { trace: stretchOf(question), ...(snapshot.damaged > 0 ? withDamageTold(page) : page) } }
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    const nothing = question.hours !== undefined && (await snapshot.begins()) === undefined
    return { error: nothing ? `nothing was recorded in ${stretchOf(question)}` : error.message }
  } finally {
    await snapshot.close()
  }
}

/** Undefined where none was posted. */
function otherConfig({ posted }: ReplayQuestion): GatewayConfig | ConfigError | undefined {
  if (posted === undefined) return undefined
  try {
    return parseConfig(posted, 'posted')
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

function tell(line: ThreadLine): void {
  parentPort?.postMessage(line)
}

async function pageOf(
  { wish }: ReplayQuestion,
  config: GatewayConfig,
  other: GatewayConfig | undefined,
  read: () => ReturnType<RecordSnapshot['read']>,
  options: ReplayOptions,
): Promise<Omit<ReportPage, 'trace'>> {
  if (wish !== undefined) {
    const { text, ...whose } = wish
    const suggestion = await suggest(read, config, text, {
      ...options,
      ...whose,
      mostRemembered: MAX_REMEMBERED,
    })
    const yamlOf = (limit: string) => suggestedYaml(config.source.text, suggestion, limit)
    return pageOfSuggestion(read, config, suggestion, yamlOf, { ...options, route: whose.route })
  }
  if (other === undefined) return { names: [RUNNING], report: await replay(read(), config, options) }
  const comparison = await compare(read(), config, other, options)
  return { names: [RUNNING, OTHER], report: comparison.one, comparison }
}

function withDamageTold<Page extends Pick<ReportPage, 'report' | 'comparison'>>(page: Page): Page {
  const damage =
    'A file of the record cannot be read to its end, as where a disk failed: what stands behind that was not played.'
  const report = { ...page.report, notes: [...page.report.notes, damage] }
  return { ...page, report, ...(page.comparison && { comparison: { ...page.comparison, one: report } }) }
}

function stretchOf({ hours }: ReplayQuestion): string {
  if (hours === undefined) return 'all that was recorded'
  return hours === 1 ? 'the last hour' : `the last ${hours} hours`
}
