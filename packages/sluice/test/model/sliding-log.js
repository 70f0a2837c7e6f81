import { growth, stretched, sumOf } from './model.js';
/** What came in the period that ends now. */
export class SlidingLogModel {
    limit;
    #history = [];
    constructor(limit) {
        this.limit = limit;
    }
    used(now) {
        return sumOf(this.#trailing(now));
    }
    take(now, cost) {
        this.#history.push({ at: now, cost });
    }
    /** What is dated later than now came now. */
    setBack(from, to) {
        this.#history = this.#trailing(from).map(({ at, cost }) => ({ at: Math.min(at, to), cost }));
    }
    change(now, limit) {
        const times = limit.period / this.limit.period;
        this.#history = this.#trailing(now).map(({ at, cost }) => ({
            at: stretched(at, now, times),
            cost: cost * growth(this.limit, limit),
        }));
        this.limit = limit;
    }
    #trailing(now) {
        return this.#history.filter(({ at }) => now - at < this.limit.period);
    }
}
