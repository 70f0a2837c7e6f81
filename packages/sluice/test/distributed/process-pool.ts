import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

type WorkerMessage<Result> = { ready: true } | { result: Result } | { error: string }

/** Processes that run one program from `workers/` and handle requests at the same time. */
export class ProcessPool<Result> {
  private constructor(private readonly processes: readonly ChildProcess[]) {}

  /**
   * Starts a process for each of the options and waits until all are ready.
   *
   * @param imports for each process, modules that Node loads before the program
   */
  static async start<Result>(
    program: URL,
    options: readonly object[],
    imports: readonly (readonly string[])[] = [],
  ): Promise<ProcessPool<Result>> {
    const processes = options.map((each, index) => {
      const execArgv = (imports[index] ?? []).flatMap((module) => ['--import', module])
      return fork(program, [JSON.stringify(each)], { execArgv })
    })
    const pool = new ProcessPool<Result>(processes)
    try {
      await Promise.all(processes.map(nextMessage))
      return pool
    } catch (error) {
      await pool.stop()
      throw error
    }
  }

  /**
   * Sends a request to all processes at once and returns their results. Rejects if a
   * process fails.
   */
  async run(request: object): Promise<Result[]> {
    const results = this.processes.map((child) => nextMessage<Result>(child))
    for (const child of this.processes) child.send(request)
    return (await Promise.all(results)).map((message) => {
      if ('result' in message) return message.result
      throw new Error(`a worker failed: ${'error' in message ? message.error : 'it sent no result'}`)
    })
  }

  /** Sends a signal to all processes, which do not reply to it. */
  signal(signal: string): void {
    for (const child of this.processes) child.send(signal)
  }

  async stop(): Promise<void> {
    const running = this.processes.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )
    const exits = running.map((child) => once(child, 'exit'))
    for (const child of running) child.kill('SIGKILL')
    await Promise.all(exits)
  }
}

/** Returns the next message of a process. Rejects if the process exits first. */
function nextMessage<Result>(child: ChildProcess): Promise<WorkerMessage<Result>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a worker exited with code ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message as WorkerMessage<Result>)
    })
  })
}
