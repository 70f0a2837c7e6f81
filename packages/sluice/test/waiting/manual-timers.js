/** Timers that run when they are told that time has passed. */
export function manualTimers() {
    let now = 0;
    const waiting = new Set();
    const timers = {
        start(callback, milliseconds) {
            const timer = { at: now + milliseconds, callback };
            waiting.add(timer);
            return timer;
        },
        stop: (timer) => void waiting.delete(timer),
    };
    return {
        ...timers,
        get running() {
            return waiting.size;
        },
        pass(milliseconds) {
            now += milliseconds;
            for (const timer of [...waiting].sort((a, b) => a.at - b.at)) {
                if (timer.at > now || !waiting.delete(timer))
                    continue;
                timer.callback();
            }
        },
    };
}
