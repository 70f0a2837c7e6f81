import { fork } from 'node:child_process';
import { once } from 'node:events';
/** Processes that run one program of `workers/`, and do at a word, all at once, what they are asked. */
export class Crew {
    processes;
    constructor(processes) {
        this.processes = processes;
    }
    /**
     * Starts a process for each of the options and waits until all are ready.
     *
     * `imports`: for each process, modules that Node loads before the program.
     */
    static async start(program, options, imports = []) {
        const processes = options.map((each, index) => {
            const execArgv = (imports[index] ?? []).flatMap((module) => ['--import', module]);
            return fork(program, [JSON.stringify(each)], { execArgv });
        });
        const crew = new Crew(processes);
        try {
            await Promise.all(processes.map(nextWord));
            return crew;
        }
        catch (error) {
            await crew.stop();
            throw error;
        }
    }
    /** Asks all processes at once; rejects where one of them fails. */
    async ask(question) {
        const answers = this.processes.map((child) => nextWord(child));
        for (const child of this.processes)
            child.send(question);
        return (await Promise.all(answers)).map((said) => {
            if ('answer' in said)
                return said.answer;
            throw new Error(`a process of the crew failed: ${'error' in said ? said.error : 'it has no answer'}`);
        });
    }
    /** Tells all processes a word, which has no answer of its own. */
    tell(word) {
        for (const child of this.processes)
            child.send(word);
    }
    async stop() {
        const alive = this.processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
        const gone = alive.map((child) => once(child, 'exit'));
        for (const child of alive)
            child.kill('SIGKILL');
        await Promise.all(gone);
    }
}
/** What a process says next; an error where it ends before. */
function nextWord(child) {
    return new Promise((resolve, reject) => {
        const onExit = (code) => reject(new Error(`a process of the crew ended with ${code}`));
        child.once('exit', onExit);
        child.once('message', (said) => {
            child.off('exit', onExit);
            resolve(said);
        });
    });
}
