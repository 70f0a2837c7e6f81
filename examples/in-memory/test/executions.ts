import { Session } from 'node:inspector/promises'

/**
 * Counts how often blocks of code run, using V8's coverage: a loop over a thousand clients counts
 * as a thousand executions. Unlike a duration, the count is the same on every machine.
 */
export class Executions implements AsyncDisposable {
  readonly #session = new Session()

  /** Starts counting. Code that was loaded earlier is not counted. */
  static async start(): Promise<Executions> {
    const executions = new Executions()
    executions.#session.connect()
    await executions.#session.post('Profiler.enable')
    await executions.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    return executions
  }

  /** Returns how often blocks of code run during `work`, in the files that `isCounted` selects. */
  async during(work: () => Promise<void>, isCounted: (url: string) => boolean): Promise<number> {
    await this.#session.post('Profiler.takePreciseCoverage')
    await work()
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    return result
      .filter(({ url }) => isCounted(url))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }
}
