import { manualClock } from '../../src/clock.js';
import { memoryStore } from '../../src/stores/memory/memory-store.js';
/** @param settle what happens on a settlement; default: it is done */
export function recordingStore(settle) {
    const clock = manualClock();
    const memory = memoryStore({ clock });
    const calls = [];
    const settled = [];
    const store = {
        take(charges) {
            calls.push('take');
            return memory.take(charges);
        },
        peek(charges) {
            calls.push('peek');
            return memory.peek(charges);
        },
        settle(settlements) {
            calls.push('settle');
            settled.push(...settlements.map(({ cost }) => cost));
            return settle === undefined ? memory.settle(settlements) : settle(settlements);
        },
        reset(scope, key) {
            calls.push('reset');
            return memory.reset(scope, key);
        },
        close() {
            calls.push('close');
        },
    };
    return { store, clock, calls, settled };
}
