import type { Case, Table } from './bench.js'
import { Contestant } from './contestant.js'

/** The figures of one contender in one table, one per round, or the reason why it has none. */
export interface Figures {
  readonly name: string
  readonly role: 'ours' | 'peer' | 'floor'
  readonly figures: readonly number[]
  readonly cannotRun?: string
}

/** A table with the figures of all contenders. */
export interface MeasuredTable {
  readonly table: Table
  readonly figures: readonly Figures[]
}

const DEFAULT_ROUNDS = 15

/**
 * Measures the contenders of a case in turn, round by round. The order rotates: the first contender
 * of a round is the last of the next. Returns the tables of the case.
 *
 * @param file the file of the benchmark
 * @param rounds the number of rounds. Default: the rounds of the case
 */
export async function race(
  benchCase: Case,
  caseIndex: number,
  file: string,
  rounds = benchCase.rounds ?? DEFAULT_ROUNDS,
): Promise<MeasuredTable[]> {
  const contestants: Contestant[] = []
  try {
    for (const [index, contender] of benchCase.contenders.entries()) {
      const contestant = new Contestant(contender, [file, caseIndex, index])
      contestants.push(contestant)
      await contestant.ready()
    }
    if (benchCase.warmUp !== false) for (const contestant of contestants) await contestant.measure()
    for (let round = 0; round < rounds; round++) {
      if (process.stderr.isTTY) process.stderr.write(`\r${benchCase.name}: round ${round + 1} of ${rounds} `)
      for (let turn = 0; turn < contestants.length; turn++) {
        const contestant = contestants[(round + turn) % contestants.length] as Contestant
        const figures = await contestant.measure()
        if (figures !== undefined) contestant.rounds.push(figures)
      }
    }
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()))
  }
  return [benchCase, ...(benchCase.more ?? [])].map((table, column) => ({
    table,
    figures: contestants.map(({ contender: { name, role }, rounds: measured, cannotRun }) => ({
      name,
      role,
      figures: measured.map((figures) => figures[column] ?? Number.NaN),
      ...(cannotRun !== undefined && { cannotRun }),
    })),
  }))
}
