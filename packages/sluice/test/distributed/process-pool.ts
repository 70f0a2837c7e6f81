import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

type Said<Answer> = { ready: true } | { answer: Answer } | { error: string }

/** Processes that run one program of `workers/`, and do at a word, all at once, what they are asked. */
export class Crew<Answer> {
  private constructor(private readonly processes: readonly ChildProcess[]) {}

  /**
   * Starts a process for each of the options and waits until all are ready.
   *
   * `imports`: for each process, modules that Node loads before the program.
   */
  static async start<Answer>(
    program: URL,
    options: readonly object[],
    imports: readonly (readonly string[])[] = [],
  ): Promise<Crew<Answer>> {
    const processes = options.map((each, index) => {
      const execArgv = (imports[index] ?? []).flatMap((module) => ['--import', module])
      return fork(program, [JSON.stringify(each)], { execArgv })
    })
    const crew = new Crew<Answer>(processes)
    try {
      await Promise.all(processes.map(nextWord))
      return crew
    } catch (error) {
      await crew.stop()
      throw error
    }
  }

  /** Asks all processes at once; rejects where one of them fails. */
  async ask(question: object): Promise<Answer[]> {
    const answers = this.processes.map((child) => nextWord<Answer>(child))
    for (const child of this.processes) child.send(question)
    return (await Promise.all(answers)).map((said) => {
      if ('answer' in said) return said.answer
      throw new Error(`a process of the crew failed: ${'error' in said ? said.error : 'it has no answer'}`)
    })
  }

  /** Tells all processes a word, which has no answer of its own. */
  tell(word: string): void {
    for (const child of this.processes) child.send(word)
  }

  async stop(): Promise<void> {
    const alive = this.processes.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )
    const gone = alive.map((child) => once(child, 'exit'))
    for (const child of alive) child.kill('SIGKILL')
    await Promise.all(gone)
  }
}

/** What a process says next; an error where it ends before. */
function nextWord<Answer>(child: ChildProcess): Promise<Said<Answer>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a process of the crew ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', (said) => {
      child.off('exit', onExit)
      resolve(said as Said<Answer>)
    })
  })
}
