import { adapt, algorithmOf } from '../../../src/limits/algorithms.js';
import { capacityOf, countAlike, sameLimit, usesWallTime } from '../../../src/limits/limit.js';
/**
 * What the script has to say, word for word, from the algorithms in TypeScript. It keeps what the script keeps: what was
 * taken or settled, what a clock that was set back or a changed limit did to a state, and nothing else.
 */
export class ReferenceStore {
    now = 0;
    #kept = new Map();
    take(charges) {
        return this.#decide(charges, true);
    }
    peek(charges) {
        return this.#decide(charges, false);
    }
    settle(settlements) {
        const entries = new Map();
        for (const { charge, taken, cost } of settlements) {
            const { limit } = charge;
            const to = (entries.get(nameOf(charge)) ?? this.#kept.get(nameOf(charge)))?.limit ?? limit;
            const alike = to.algorithm === limit.algorithm && usesWallTime(to) === usesWallTime(limit);
            const owed = ((cost - taken.cost) / capacityOf(limit)) * capacityOf(to);
            if (!alike && (owed <= 0 || limit.algorithm === 'concurrency' || to.algorithm === 'concurrency'))
                continue;
            if (!alike && !this.#isOpen(charge))
                continue;
            const entry = this.#entryNow(entries, { ...charge, limit: alike ? limit : to });
            const [before, after] = alike ? [taken.cost, cost] : [0, owed];
            entry.state = algorithmOf(entry.limit).settle(entry.limit, entry.state, { ...taken, cost: before }, after);
            entry.changed = true;
        }
        this.#keep(entries);
    }
    /** Whether the window that a calendar limit kept is still in force: the script cannot find another by itself. */
    #isOpen(charge) {
        const kept = this.#kept.get(nameOf(charge));
        if (kept === undefined || !usesWallTime(kept.limit))
            return true;
        const { start, end } = kept.state;
        return this.now < end && start - this.now <= 60_000;
    }
    reset(scope, key) {
        this.#kept.delete(`${scope} ${key}`);
    }
    #decide(charges, takes) {
        const entries = new Map();
        const decided = charges.map((charge) => ({ charge, verdict: undefined }));
        const untaken = new Map();
        for (const each of inJudgingOrder(decided)) {
            const { charge } = each;
            const state = this.#seen(entries, charge);
            const earlier = decided.filter((other) => other.verdict?.allowed && other.charge.key === charge.key && other.charge.scope === charge.scope);
            const before = charge.cost === 0 ? 0 : earlier.reduce((sum, other) => sum + other.charge.cost, 0);
            const { judge } = algorithmOf(charge.limit);
            each.verdict = judge(charge.limit, state, charge.cost + before);
            untaken.set(charge, each.verdict.allowed ? judge(charge.limit, state, 0) : each.verdict);
        }
        const admitted = decided.every(({ charge, verdict }) => verdict?.allowed || charge.enforce === false);
        for (const { charge, verdict } of inJudgingOrder(decided)) {
            if (!takes || !admitted || !verdict?.allowed || charge.cost === 0)
                continue;
            const entry = this.#entryNow(entries, charge);
            entry.state = algorithmOf(charge.limit).take(charge.limit, entry.state, charge.cost, charge.lease ?? '');
            entry.changed = true;
        }
        this.#keep(entries);
        return decided.map(({ charge, verdict }) => (admitted ? verdict : untaken.get(charge)));
    }
    /** What a key holds now, as the limit of the charge sees it: one that counts another way has an estimate, and changes nothing. */
    #seen(entries, charge) {
        const { limit } = charge;
        const held = entries.get(nameOf(charge)) ?? this.#kept.get(nameOf(charge));
        if (held === undefined || countAlike(held.limit, limit))
            return this.#entryNow(entries, charge).state;
        // A calendar that nobody said here: what its clock did to it shows when it is asked.
        if (usesWallTime(held.limit)) {
            const state = algorithmOf(held.limit).advance(held.limit, structuredClone(held.state), this.now);
            return adapt(state, held.limit, limit, this.now);
        }
        const { state } = this.#entryNow(entries, { ...charge, limit: held.limit });
        return adapt(structuredClone(state), held.limit, limit, this.now);
    }
    /** What a key holds now, under the limit of the charge; the same entry for all charges of one request. */
    #entryNow(entries, charge) {
        const { limit } = charge;
        const name = nameOf(charge);
        const kept = this.#kept.get(name);
        let entry = entries.get(name);
        if (entry === undefined) {
            const state = kept === undefined ? undefined : structuredClone(kept.state);
            entry =
                kept === undefined || state === undefined
                    ? { limit, state: algorithmOf(limit).fresh(limit, this.now), changed: false }
                    : {
                        limit: kept.limit,
                        changed: this.now < state.at,
                        state: algorithmOf(kept.limit).advance(kept.limit, state, this.now),
                    };
            entries.set(name, entry);
        }
        if (!sameLimit(entry.limit, limit)) {
            entry.state = adapt(entry.state, entry.limit, limit, this.now);
            entry.limit = limit;
            entry.changed ||= kept !== undefined;
        }
        return entry;
    }
    #keep(entries) {
        for (const [name, { limit, state, changed }] of entries) {
            if (!changed)
                continue;
            if (algorithmOf(limit).idleAfter(limit, state) > 0)
                this.#kept.set(name, { limit, state });
            else
                this.#kept.delete(name);
        }
    }
}
function nameOf({ scope, key }) {
    return `${scope} ${key}`;
}
/** A shadow charge takes only what the enforced ones leave. */
function inJudgingOrder(decided) {
    const isShadow = ({ charge }) => charge.enforce === false;
    return [...decided.filter((each) => !isShadow(each)), ...decided.filter(isShadow)];
}
