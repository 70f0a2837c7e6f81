import { expect, vi } from 'vitest';
import { withFailurePolicy } from '../../../src/stores/failure/failure-policy.js';
import { one } from './charges.js';
import { FaultyStore } from './faulty-store.js';
/** What an operation comes to within the deadline, and not a moment later. */
export async function outcomeOf(operation) {
    let isOver = false;
    const over = () => {
        isOver = true;
    };
    const answer = (async () => operation())();
    answer.then(over, over);
    await vi.advanceTimersByTimeAsync(101);
    expect(isOver, 'the deadline has passed').toBe(true);
    return answer;
}
/** Makes the store hang until the wrapper has noticed. */
export async function lose(store, inner) {
    inner.mode = 'hangs';
    await outcomeOf(() => store.peek([one])).catch(() => { });
    expect(store.stats().state).toBe('open');
}
/** A store that fails as it is told, wrapped, and what was told of its state. */
export function wrapped(options = {}) {
    const inner = new FaultyStore();
    const changes = [];
    const store = withFailurePolicy(inner, {
        random: () => 0,
        onStateChange: (change) => changes.push(change),
        ...options,
    });
    return { inner, store, changes };
}
