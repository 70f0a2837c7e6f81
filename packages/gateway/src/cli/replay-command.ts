import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { parseDuration } from 'sluice'
import type { GatewayConfig } from '../policy/config/config.js'
import { loadConfig, readConfigText } from '../policy/config/load-config.js'
import type { ReportPage } from '../replay/html/fill-template.js'
import { htmlOf } from '../replay/html/report-page.js'
import { pageOfSuggestion } from '../replay/html/suggestion-page.js'
import { compare, replay } from '../replay/replay.js'
import type { ReplayOptions } from '../replay/replay-options.js'
import { comparisonSummary, summary } from '../replay/report/report-summary.js'
import { suggest } from '../replay/suggest/suggest.js'
import { suggestedYaml } from '../replay/suggest/suggest-yaml.js'
import { suggestionSummary } from '../replay/suggest/suggestion-summary.js'
import { TRACE_FORMATS, type TraceFormat } from '../replay/trace/trace.js'
import { TraceError } from '../replay/trace/trace-request.js'
import type { Output } from './check-command.js'
import { progressBar } from './progress.js'

/** What the command line says, as it was written. */
export interface ReplayArguments {
  readonly config: string
  readonly against?: string
  readonly route?: string
  readonly format?: string
  readonly columns?: string
  readonly clients?: string
  readonly duration?: string
  readonly reorder?: string
  readonly unready?: readonly string[]
  readonly top?: string
  readonly threads?: string
  readonly suggest?: string
  readonly rule?: string
  readonly json?: boolean
  readonly html?: string
}

interface Dependencies extends Output {
  /** Where `-` reads from. */
  readonly stdin: Readable
  /** Whether people watch the standard error, for a progress bar. */
  readonly watched: boolean
}

/**
 * Replays a trace and writes what came of it: a summary, or JSON for programs.
 *
 * @throws ConfigError for a configuration that is wrong, TraceError for a trace or an option that is.
 */
export async function replayCommand(
  file: string,
  said: ReplayArguments,
  surroundings: Dependencies,
): Promise<void> {
  const { out, err, stdin, watched } = surroundings
  const config = await loadConfig(said.config)
  const bar = watched ? progressBar(err) : undefined
  const options: ReplayOptions = { ...readOptions(said), onProgress: bar?.show }
  try {
    const written = await played(file === '-' ? stdin : file, config, said, options)
    if (said.html !== undefined) {
      const about = { trace: file === '-' ? 'the standard input' : basename(file) }
      await writePage(said.html, { ...about, ...(await written.page()) })
    }
    bar?.clear()
    out.write(said.json ? `${JSON.stringify(written.report, undefined, 2)}\n` : `${written.text()}\n`)
  } finally {
    bar?.clear()
  }
}

/** What came of it, for programs and for people. */
interface Written {
  readonly report: object
  readonly text: () => string
  readonly page: () => Promise<Omit<ReportPage, 'trace'>>
}

async function played(
  trace: string | Readable,
  config: GatewayConfig,
  said: ReplayArguments,
  options: ReplayOptions,
): Promise<Written> {
  if (said.suggest !== undefined) {
    if (typeof trace !== 'string')
      throw new TraceError('--suggest reads the trace several times: give it a file, not the standard input')
    if (said.against !== undefined) throw new TraceError('--suggest and --against are two questions: ask one')
    const report = await suggest(trace, config, said.suggest, { ...options, rule: said.rule })
    const text = await readConfigText(said.config)
    const yamlOf = (limit: string) => suggestedYaml(text, report, limit)
    return {
      report,
      text: () => suggestionSummary(report, yamlOf),
      page: () => pageOfSuggestion(trace, config, report, yamlOf, options),
    }
  }
  if (said.rule !== undefined)
    throw new TraceError('--rule goes with --suggest: it says whose limit is searched for')
  if (said.against === undefined) {
    const report = await replay(trace, config, options)
    const names = [basename(said.config)]
    return { report, text: () => summary(report), page: async () => ({ names, report }) }
  }
  const names = shortNames(said.config, said.against)
  const report = await compare(trace, config, await loadConfig(said.against), options)
  return {
    report,
    text: () => comparisonSummary(report, names),
    page: async () => ({ names, report: report.one, comparison: report }),
  }
}

async function writePage(file: string, page: ReportPage): Promise<void> {
  try {
    await writeFile(file, await htmlOf(page))
  } catch (error) {
    throw new Error(`${file} cannot be written: ${(error as Error).message}`)
  }
}

/** Names of files without their folders, where they differ. */
function shortNames(one: string, other: string): readonly [string, string] {
  const [short, shortOther] = [basename(one), basename(other)]
  return short === shortOther ? [one, other] : [short, shortOther]
}

function readOptions(said: ReplayArguments): ReplayOptions {
  const { route, columns, duration } = said
  return {
    route,
    columns,
    duration,
    format: said.format === undefined ? undefined : formatOf(said.format),
    clients: said.clients === undefined ? undefined : wholeNumber('--clients', said.clients, 1_000_000),
    listed: said.top === undefined ? undefined : wholeNumber('--top', said.top, 100_000),
    threads: said.threads === undefined ? undefined : wholeNumber('--threads', said.threads, 2),
    reorder: said.reorder === undefined ? undefined : lengthOf('--reorder', said.reorder),
    unready: said.unready?.map(stretchOf),
  }
}

function formatOf(text: string): TraceFormat {
  const format = TRACE_FORMATS.find((known) => known === text)
  if (format !== undefined) return format
  throw new TraceError(`--format is ${TRACE_FORMATS.join(', ')}, not '${text.slice(0, 40)}'`)
}

function wholeNumber(option: string, text: string, most: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
  throw new TraceError(`${option} is a whole number from 1 to ${most}, not '${text.slice(0, 40)}'`)
}

function lengthOf(option: string, text: string): number {
  if (/^0+(ms|s)?$/.test(text)) return 0
  try {
    return parseDuration(text)
  } catch (error) {
    throw new TraceError(`${option}: ${(error as Error).message}`)
  }
}

/** `10m-12m`: from and to, since the first request. */
function stretchOf(text: string): { from: number; to: number } {
  const [from, to, ...more] = text.split('-')
  if (from === undefined || to === undefined || more.length > 0)
    throw new TraceError(`--unready is a stretch of time such as 0s-30s, not '${text.slice(0, 40)}'`)
  const stretch = { from: lengthOf('--unready', from), to: lengthOf('--unready', to) }
  if (stretch.to > stretch.from) return stretch
  throw new TraceError(`--unready ends after it begins: '${text.slice(0, 40)}' does not`)
}
