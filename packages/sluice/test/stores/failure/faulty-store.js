import { memoryStore } from '../../../src/stores/memory/memory-store.js';
/** A store that fails as it is told, around one in memory. */
export class FaultyStore {
    inside;
    mode = 'up';
    calls = { take: 0, peek: 0, settle: 0, reset: 0, close: 0 };
    settled = [];
    #held = [];
    constructor(inside = memoryStore()) {
        this.inside = inside;
    }
    get asked() {
        return this.calls.take + this.calls.peek + this.calls.settle + this.calls.reset;
    }
    get hanging() {
        return this.#held.length;
    }
    take(charges) {
        this.calls.take++;
        return this.#answer(() => this.inside.take(charges));
    }
    peek(charges) {
        this.calls.peek++;
        return this.#answer(() => this.inside.peek(charges));
    }
    settle(settlements) {
        this.calls.settle++;
        return this.#answer(() => {
            this.settled.push(...settlements);
            return this.inside.settle(settlements);
        });
    }
    reset(scope, key) {
        this.calls.reset++;
        return this.#answer(() => this.inside.reset(scope, key));
    }
    close() {
        this.calls.close++;
        return this.#answer(() => this.inside.close());
    }
    /** Does what it was asked while it hung, and answers from now on. */
    thaw() {
        this.mode = 'up';
        const held = this.#held;
        this.#held = [];
        for (const each of held)
            each();
    }
    /** As `thaw`, but what it was asked while it hung fails. */
    breakOff() {
        const held = this.#held;
        this.#held = [];
        this.mode = 'refuses';
        for (const each of held)
            each();
    }
    #answer(work) {
        if (this.mode === 'throws')
            throw new Error('not connected');
        if (this.mode === 'refuses')
            return Promise.reject(new Error('connection refused'));
        if (this.mode === 'up')
            return Promise.resolve().then(work);
        return new Promise((resolve, reject) => {
            this.#held.push(() => {
                if (this.mode === 'refuses')
                    reject(new Error('connection reset'));
                else
                    resolve(work());
            });
        });
    }
}
