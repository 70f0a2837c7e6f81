import { capacityOf, sameLimit } from '../../src/limits/limit.js';
import { ConcurrencyModel } from './concurrency.js';
import { FixedWindowModel } from './fixed-window.js';
import { SlidingLogModel } from './sliding-log.js';
import { SlidingWindowModel } from './sliding-window.js';
import { TokenBucketModel } from './token-bucket.js';
/** One key of one rule, while its limit changes and the clock goes as it likes. */
export class KeyModel {
    limit;
    now;
    keptBy;
    /** What was taken, by the algorithm that it was taken by. */
    #kept;
    /** The same as the limit sees it: where that counts another way, as much in part as if it had all come now. */
    #seen;
    constructor(limit, now, keptBy = limit) {
        this.limit = limit;
        this.now = now;
        this.keptBy = keptBy;
        this.#kept = modelOf(limit);
        this.#seen = this.#kept;
    }
    /** It is a moment later, or earlier, and the limit may be another one. */
    moveTo(now, limit) {
        if (now < this.now)
            this.#kept.setBack(this.now, now);
        this.now = now;
        this.limit = limit;
        if (limit.algorithm === this.keptBy.algorithm) {
            if (!sameLimit(this.keptBy, limit))
                this.#kept.change(now, limit);
            this.keptBy = limit;
            this.#seen = this.#kept;
        }
        else {
            const fraction = this.#kept.used(now) / capacityOf(this.keptBy);
            this.#seen = modelOf(limit);
            if (fraction > 0)
                this.#seen.take(now, fraction * capacityOf(limit), 'before');
        }
    }
    /** What counts in so many milliseconds, if nothing else comes until then. */
    used(after = 0) {
        return this.#seen.used(this.now + after);
    }
    /** What is left; negative where there is debt. */
    left(after = 0) {
        return capacityOf(this.limit) - this.used(after);
    }
    /** From now on it is kept as the limit sees it. */
    take(cost, lease) {
        this.#kept = this.#seen;
        this.keptBy = this.limit;
        this.#kept.take(this.now, cost, lease);
    }
    release(lease) {
        this.#kept.release?.(lease);
    }
}
function modelOf(limit) {
    switch (limit.algorithm) {
        case 'token-bucket':
            return new TokenBucketModel(limit);
        case 'fixed-window':
            return new FixedWindowModel(limit);
        case 'sliding-window':
            return new SlidingWindowModel(limit);
        case 'sliding-log':
            return new SlidingLogModel(limit);
        case 'concurrency':
            return new ConcurrencyModel(limit);
    }
}
