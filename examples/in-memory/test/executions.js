import { Session } from 'node:inspector/promises';
/**
 * Counts how often pieces of code run, as the engine itself does for coverage: a loop over a thousand clients is a thousand. Unlike a
 * time it is the same on every machine.
 */
export class Executions {
    #session = new Session();
    /** Only code that is loaded from now on is counted in all its parts. */
    static async start() {
        const executions = new Executions();
        executions.#session.connect();
        await executions.#session.post('Profiler.enable');
        await executions.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
        return executions;
    }
    /** How many pieces of code of these files ran meanwhile, repetitions included. */
    async during(work, isCounted) {
        await this.#session.post('Profiler.takePreciseCoverage');
        await work();
        const { result } = await this.#session.post('Profiler.takePreciseCoverage');
        return result
            .filter(({ url }) => isCounted(url))
            .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
            .reduce((sum, { count }) => sum + count, 0);
    }
    async [Symbol.asyncDispose]() {
        await this.#session.post('Profiler.stopPreciseCoverage');
        this.#session.disconnect();
    }
}
