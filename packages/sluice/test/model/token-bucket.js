import { allAt, growth, sumOf } from './model.js';
/** No interval that ends now holds more than the burst and what its length brings. */
export class TokenBucketModel {
    limit;
    #history = [];
    constructor(limit) {
        this.limit = limit;
    }
    /** The interval that is nearest to its bound says how much of the burst is gone. */
    used(now) {
        const { limit, period } = this.limit;
        const intervals = this.#history.map(({ at }, first) => sumOf(this.#history.slice(first)) - ((now - at) * limit) / period);
        return Math.max(0, ...intervals);
    }
    take(now, cost) {
        this.#history.push({ at: now, cost });
    }
    /** What is used flows out at the moment when it would have, but nobody waits for longer than a full bucket takes. */
    setBack(from, to) {
        const used = this.used(from);
        const { limit, period, burst } = this.limit;
        const until = used + ((from - to) * limit) / period;
        this.#history = used === 0 ? [] : allAt(to, Math.max(used, Math.min(burst, until)));
    }
    change(now, limit) {
        this.#history = allAt(now, this.used(now) * growth(this.limit, limit));
        this.limit = limit;
    }
}
