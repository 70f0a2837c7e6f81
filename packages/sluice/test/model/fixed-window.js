import { allAt, growth, stretched } from './model.js';
/** A window opens with the first charge that is in none, and closes a period later. */
export class FixedWindowModel {
    limit;
    #history = [];
    constructor(limit) {
        this.limit = limit;
    }
    used(now) {
        const { opened, count } = this.#lastWindow();
        return now < opened + this.limit.period ? count : 0;
    }
    take(now, cost) {
        this.#history.push({ at: now, cost });
    }
    /** A window that opened later than now opens now. */
    setBack(from, to) {
        const count = this.used(from);
        this.#history = allAt(Math.min(to, this.#lastWindow().opened), count);
    }
    change(now, limit) {
        const count = this.used(now);
        const opened = stretched(this.#lastWindow().opened, now, limit.period / this.limit.period);
        this.#history = allAt(opened, count * growth(this.limit, limit));
        this.limit = limit;
    }
    #lastWindow() {
        let opened = Number.NEGATIVE_INFINITY;
        let count = 0;
        for (const { at, cost } of this.#history) {
            if (at >= opened + this.limit.period) {
                opened = at;
                count = 0;
            }
            count += cost;
        }
        return { opened, count };
    }
}
