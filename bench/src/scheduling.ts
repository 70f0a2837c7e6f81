/**
 * Compares ways to schedule requests for a model server, in virtual time: which request is sent
 * next, and how many are in the server.
 *
 *     npm run bench -- scheduling
 *
 * The server is the model of `sluice-gateway replay --server`, so figures are ratios between
 * contenders on the same arrivals and not predictions for a certain machine. Parameters of contenders
 * are searched on other seeds than those that are compared. `--traces DIR` names the folder of
 * recorded traces, `--only F1,A3` runs some experiments.
 */

import { Traces } from './scheduling/arrivals/traces.js'
import { CannotMeasure, type Row } from './scheduling/experiment.js'
import { EXPERIMENTS } from './scheduling/experiments/all.js'
import { type Finding, findingOf, findingsTable, searchTable } from './scheduling/findings.js'
import type { SearchReport } from './scheduling/search.js'

export interface SchedulingOptions {
  readonly traces: string
  /** Default: all experiments. */
  readonly only?: readonly string[] | undefined
  readonly onProgress: (line: string) => void
}

/** What the experiments found, with the searches for the parameters of contenders. */
export interface SchedulingResult {
  readonly findings: readonly Finding[]
  readonly searches: readonly SearchReport[]
  readonly skipped: readonly { readonly title: string; readonly reason: string }[]
  /** Everything as Markdown. */
  readonly text: string
}

export const title = 'Scheduling'

export function runScheduling({ traces: folder, only, onProgress }: SchedulingOptions): SchedulingResult {
  const traces = new Traces(folder)
  const sections: string[] = []
  const findings: Finding[] = []
  const searches: SearchReport[] = []
  const skipped: { title: string; reason: string }[] = []
  const chosen = EXPERIMENTS.filter(({ ids }) => only === undefined || ids.some((id) => only.includes(id)))
  for (const [index, experiment] of chosen.entries()) {
    onProgress(`${index + 1} of ${chosen.length}: ${experiment.title}`)
    let rows: readonly Row[]
    try {
      rows = experiment.run({ traces, reportSearch: (search) => searches.push(search) })
    } catch (error) {
      if (!(error instanceof CannotMeasure)) throw error
      skipped.push({ title: experiment.title, reason: error.message })
      sections.push(`#### ${experiment.title}\n\nNot measured: ${error.message}.`)
      continue
    }
    const found = rows.map((row) => findingOf(experiment.title, row))
    findings.push(...found)
    sections.push(`#### ${experiment.title}\n\n${findingsTable(found)}`)
  }
  if (searches.length > 0) sections.push(`#### Parameters that were searched for\n\n${searchTable(searches)}`)
  const targets = findings.filter(({ met }) => met !== undefined)
  const met = targets.filter((finding) => finding.met === true)
  const head = `${met.length} of ${targets.length} targets met. Lengths of prompts and responses: ${traces.source}.`
  return { findings, searches, skipped, text: [head, ...sections].join('\n\n') }
}
