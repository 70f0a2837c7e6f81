import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { parseDuration } from 'sluice'
import type { GatewayConfig } from '../policy/config/config.js'
import { loadConfig, readConfigFile } from '../policy/config/load-config.js'
import type { ReportPage } from '../replay/html/fill-template.js'
import { htmlOf } from '../replay/html/report-page.js'
import { pageOfSuggestion } from '../replay/html/suggestion-page.js'
import { compare, replay } from '../replay/replay.js'
import type { ReplayOptions } from '../replay/replay-options.js'
import { comparisonSummary, summary } from '../replay/report/report-summary.js'
import { loadServer } from '../replay/server/server-file.js'
import type { ServerSetup } from '../replay/server/server-setup.js'
import { suggest } from '../replay/suggest/suggest.js'
import { suggestedYaml } from '../replay/suggest/suggest-yaml.js'
import { suggestionSummary } from '../replay/suggest/suggestion-summary.js'
import { TRACE_FORMATS, type TraceFormat } from '../replay/trace/trace.js'
import { TraceError } from '../replay/trace/trace-request.js'
import type { Output } from './check-command.js'
import { progressBar } from './progress.js'

/** Unparsed command-line options. */
export interface ReplayArguments {
  readonly config: string
  readonly against?: string
  readonly route?: string
  readonly format?: string
  readonly columns?: string
  readonly clients?: string
  readonly duration?: string
  readonly server?: string
  readonly patience?: string
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
  /** The source of the trace if the file is `-`. */
  readonly stdin: Readable
  /** True if standard error is a terminal, which then shows a progress bar. */
  readonly isInteractive: boolean
}

/**
 * Replays a trace and prints the report: a summary, or JSON for programs.
 *
 * @throws ConfigError if a configuration is invalid; TraceError if the trace or an option is
 *   invalid
 */
export async function replayCommand(
  file: string,
  args: ReplayArguments,
  dependencies: Dependencies,
): Promise<void> {
  const { out, err, stdin, isInteractive } = dependencies
  const config = await loadConfig(args.config)
  const bar = isInteractive ? progressBar(err) : undefined
  const server = await serverOf(args)
  const options: ReplayOptions = { ...parseOptions(args), server, onProgress: bar?.show }
  try {
    const output = await runCommand(file === '-' ? stdin : file, config, args, options)
    if (args.html !== undefined) {
      const trace = file === '-' ? 'standard input' : basename(file)
      await writePage(args.html, { trace, ...(await output.page()) })
    }
    bar?.clear()
    out.write(args.json ? `${JSON.stringify(output.report, undefined, 2)}\n` : `${output.text()}\n`)
  } finally {
    bar?.clear()
  }
}

/** A report in each of its formats. */
interface ReportFormats {
  readonly report: object
  readonly text: () => string
  readonly page: () => Promise<Omit<ReportPage, 'trace'>>
}

async function runCommand(
  trace: string | Readable,
  config: GatewayConfig,
  args: ReplayArguments,
  options: ReplayOptions,
): Promise<ReportFormats> {
  if (args.suggest !== undefined) {
    if (typeof trace !== 'string')
      throw new TraceError('--suggest reads the trace several times; use a file, not standard input')
    if (args.against !== undefined) throw new TraceError('use either --suggest or --against, not both')
    const report = await suggest(trace, config, args.suggest, { ...options, rule: args.rule })
    const text = await readConfigFile(args.config)
    const yamlOf = (limit: string) => suggestedYaml(text, report, limit)
    return {
      report,
      text: () => suggestionSummary(report, yamlOf),
      page: () => pageOfSuggestion(trace, config, report, yamlOf, options),
    }
  }
  if (args.rule !== undefined)
    throw new TraceError('--rule requires --suggest; --rule names the rule to tune')
  if (args.against === undefined) {
    const report = await replay(trace, config, options)
    const names = [basename(args.config)]
    return { report, text: () => summary(report), page: async () => ({ names, report }) }
  }
  const names = shortNames(args.config, args.against)
  const report = await compare(trace, config, await loadConfig(args.against), options)
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
    throw new Error(`cannot write ${file}: ${(error as Error).message}`)
  }
}

/** Returns the base names of two files, or their paths if the base names are equal. */
function shortNames(one: string, other: string): readonly [string, string] {
  const [short, shortOther] = [basename(one), basename(other)]
  return short === shortOther ? [one, other] : [short, shortOther]
}

function parseOptions(args: ReplayArguments): ReplayOptions {
  const { route, columns, duration } = args
  return {
    route,
    columns,
    duration,
    format: args.format === undefined ? undefined : parseFormat(args.format),
    clients: args.clients === undefined ? undefined : parseInteger('--clients', args.clients, 1_000_000),
    listed: args.top === undefined ? undefined : parseInteger('--top', args.top, 100_000),
    threads: args.threads === undefined ? undefined : parseInteger('--threads', args.threads, 2),
    reorder: args.reorder === undefined ? undefined : parseDurationOption('--reorder', args.reorder),
    unready: args.unready?.map(parsePeriod),
  }
}

/** Reads the description of the server, if there is one. */
async function serverOf({ server, patience, suggest }: ReplayArguments): Promise<ServerSetup | undefined> {
  if (server === undefined) {
    if (patience === undefined) return undefined
    throw new TraceError('--patience requires --server, whose first token the clients wait for')
  }
  if (suggest !== undefined) throw new TraceError('use either --suggest or --server, not both')
  const setup = await loadServer(server)
  if (patience === undefined) return setup
  return { ...setup, patienceMs: parseDurationOption('--patience', patience) }
}

function parseFormat(value: string): TraceFormat {
  const format = TRACE_FORMATS.find((known) => known === value)
  if (format !== undefined) return format
  throw new TraceError(`--format must be one of ${TRACE_FORMATS.join(', ')}, not '${value.slice(0, 40)}'`)
}

function parseInteger(option: string, value: string, max: number): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && number >= 1 && number <= max) return number
  throw new TraceError(`${option} must be a whole number from 1 to ${max}, not '${value.slice(0, 40)}'`)
}

function parseDurationOption(option: string, value: string): number {
  if (/^0+(ms|s)?$/.test(value)) return 0
  try {
    return parseDuration(value)
  } catch (error) {
    throw new TraceError(`${option}: ${(error as Error).message}`)
  }
}

/** Parses a period relative to the first request, such as `10m-12m`. */
function parsePeriod(value: string): { from: number; to: number } {
  const [from, to, ...more] = value.split('-')
  if (from === undefined || to === undefined || more.length > 0)
    throw new TraceError(`--unready must be a period such as 0s-30s, not '${value.slice(0, 40)}'`)
  const period = { from: parseDurationOption('--unready', from), to: parseDurationOption('--unready', to) }
  if (period.to > period.from) return period
  throw new TraceError(
    `the end of --unready must be after its start, as in 0s-30s, not '${value.slice(0, 40)}'`,
  )
}
