import { expect } from 'vitest';
import { expectWithinBounds } from './bounds.js';
import { DEADLINE, SLOTS } from './load.js';
/** Calls of a process that its store has not answered, at most: far from all that it makes while the store is away. */
const UNANSWERED = 100;
/** What the memory of a process may differ by, in bytes: compiled code, buffers of a connection. */
const MEMORY = 3_000_000;
/** What is promised of every fault. */
export function expectKept(groups, expected) {
    for (const group of groups) {
        for (const report of group.reports)
            expectProcessKept(report, group.policy, expected);
        expectWithinBounds(group, expected);
    }
}
function expectProcessKept(report, policy, { fault, sockets, unmended }) {
    const { count, slots, most, memory, changes, replies, back, stats, error } = report;
    // An unhandled rejection is an error; an overdue decision was open when a timer of 50 ms more than the deadline ran.
    expect(error).toBe('');
    expect(count).toMatchObject({ errors: 0, overdue: 0 });
    expect(count[policy === 'closed' ? 'degraded' : 'unavailable']).toBe(0);
    expect(back.inTime, `the store decided again ${back.after} ms after its return`).toBe(true);
    expect(slots.free).toBe(SLOTS);
    expect(most.unanswered).toBeLessThan(UNANSWERED);
    expect(most.unansweredLeft).toBe(0);
    expect(report.isClosed).toBe(true);
    expect(most.socketsLeft).toBeLessThanOrEqual(sockets);
    expect(most.sockets).toBeLessThanOrEqual(2 * sockets);
    expect(memory.atEnd - memory.before).toBeLessThan(MEMORY);
    expect(memory.after - memory.before).toBeLessThan(MEMORY);
    // Told once a change, not once a request.
    expect(changes).toEqual(changes.map((_, index) => (index % 2 === 0 ? 'open' : 'closed')));
    expect(stats.settlementsWaiting).toBe(0);
    if (fault === 'mends')
        expect(replies.filter((reply) => !unmended?.test(reply))).toEqual([]);
    else
        expect(count.degraded + count.unavailable).toBeGreaterThan(0);
}
/** In one line what was measured. */
export function figuresOf(groups) {
    const reports = groups.flatMap((group) => group.reports);
    const most = (of) => Math.max(...reports.map(of));
    const sum = (of) => reports.reduce((total, report) => total + of(report), 0);
    const calls = sum(({ count }) => count.calls);
    const rate = sum(({ requestsPerSecond }) => requestsPerSecond).toFixed(0);
    const without = sum(({ count }) => count.degraded + count.unavailable);
    const grown = most(({ memory }) => Math.max(memory.atEnd, memory.after) - memory.before) / 1e6;
    return (`at ${rate} requests/s, ${without} of ${calls} decided without the store, the slowest in ${most((each) => each.most.milliseconds).toFixed(0)} ms ` +
        `(deadline ${DEADLINE} ms; a bare timer of as much took ${most((each) => each.most.ofBareTimer).toFixed(0)} ms); ` +
        `back ${most(({ back }) => back.after).toFixed(0)} ms after its return; ` +
        `at most ${most((each) => each.most.unanswered)} calls unanswered and ${most((each) => each.most.sockets)} connections a process, ` +
        `${grown.toFixed(1)} MB more`);
}
