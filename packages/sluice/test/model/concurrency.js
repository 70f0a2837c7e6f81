/** Slots are held by leases that are not over. */
export class ConcurrencyModel {
    limit;
    #leases = [];
    constructor(limit) {
        this.limit = limit;
    }
    used(now) {
        return this.#running(now).reduce((held, { slots }) => held + slots, 0);
    }
    take(now, slots, name) {
        this.#leases.push({ name, until: now + this.limit.lease, slots });
    }
    release(name) {
        this.#leases = this.#leases.filter((lease) => lease.name !== name);
    }
    /** No lease ends later than one lease from now. */
    setBack(from, to) {
        this.#leases = this.#running(from).map((lease) => ({
            ...lease,
            until: Math.min(lease.until, to + this.limit.lease),
        }));
    }
    /** Who is in flight stays so. */
    change(_now, limit) {
        this.limit = limit;
    }
    #running(now) {
        return this.#leases.filter(({ until }) => now < until);
    }
}
