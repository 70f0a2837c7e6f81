import { growth, stretched } from './model.js';
/** Windows follow one on the other from a first charge; the one before counts for the part of it that the trailing period holds. */
export class SlidingWindowModel {
    limit;
    #first = 0;
    /** What came in each window, by its number. */
    #counts = new Map();
    constructor(limit) {
        this.limit = limit;
    }
    used(now) {
        const { start, previous, current } = this.#at(now);
        return previous * (1 - (now - start) / this.limit.period) + current;
    }
    take(now, cost) {
        const { previous, current } = this.#at(now);
        if (previous === 0 && current === 0)
            this.#restart(now, 0, 0);
        const { window } = this.#at(now);
        this.#counts.set(window, (this.#counts.get(window) ?? 0) + cost);
    }
    /** A window that begins later than now begins now. */
    setBack(from, to) {
        const { start, previous, current } = this.#at(from);
        this.#restart(Math.min(start, to), previous, current);
    }
    change(now, limit) {
        const { start, previous, current } = this.#at(now);
        const times = growth(this.limit, limit);
        const begun = stretched(start, now, limit.period / this.limit.period);
        this.limit = limit;
        this.#restart(begun, previous * times, current * times);
    }
    #at(now) {
        const window = Math.floor((now - this.#first) / this.limit.period);
        return {
            window,
            start: this.#first + window * this.limit.period,
            previous: this.#counts.get(window - 1) ?? 0,
            current: this.#counts.get(window) ?? 0,
        };
    }
    #restart(start, previous, current) {
        this.#first = start;
        this.#counts = new Map([
            [-1, previous],
            [0, current],
        ]);
    }
}
