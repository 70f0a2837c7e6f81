import { usesWallTime } from '../../../src/limits/limit.js';
import { CasStore } from '../../../src/stores/memcached/memcached-store.js';
import { ServerTime, TICKS_PER_MS } from '../../../src/stores/memcached/server-time.js';
import { UrlConnection } from '../../../src/stores/memcached/url-connection.js';
const MONTH = 30 * 86_400;
/** Longer than any test, in seconds. */
const HOUR = 3600;
/**
 * A store over a real server that decides by a clock of the test. `elapsed` says how many milliseconds have gone by
 * for the server: what has expired by then is thrown away, as the server would have done. The server itself keeps it
 * for longer, because a test may take longer than the time that it plays.
 */
export function storeWithClock(port, clock, elapsed, prefix) {
    const connection = new ExpiringConnection(`127.0.0.1:${port}`, elapsed);
    const server = new ServerTime(() => connection.time());
    return new CasStore(connection, prefix, new GivenTime(clock, server));
}
/** A clock that was handed in, as it is; only expiry goes by the server's. */
class GivenTime {
    clock;
    server;
    constructor(clock, server) {
        this.clock = clock;
        this.server = server;
    }
    ready() {
        return this.server.ready();
    }
    timeFor(limit) {
        const now = usesWallTime(limit) ? this.clock.wallTime() : this.clock.now();
        return Math.floor(now * TICKS_PER_MS) / TICKS_PER_MS;
    }
    latestServerTime() {
        return this.server.latestServerTime();
    }
    doubts() {
        return false;
    }
    mistrust() {
        this.server.mistrust();
    }
}
class ExpiringConnection extends UrlConnection {
    elapsed;
    #ends = new Map();
    constructor(server, elapsed) {
        super(server);
        this.elapsed = elapsed;
    }
    async gets(key) {
        if (this.elapsed() >= (this.#ends.get(key) ?? Number.POSITIVE_INFINITY))
            await this.delete(key);
        return super.gets(key);
    }
    async add(key, value, expiry) {
        return this.#noted(key, expiry, await super.add(key, value, lengthened(expiry)));
    }
    async cas(key, value, cas, expiry) {
        return this.#noted(key, expiry, await super.cas(key, value, cas, lengthened(expiry)));
    }
    #noted(key, expiry, stored) {
        // A date; or a length, of whose first second all may have been over already.
        const lasts = expiry > MONTH ? expiry * 1000 - Date.now() : (expiry - 1) * 1000;
        if (stored)
            this.#ends.set(key, this.elapsed() + lasts);
        return stored;
    }
}
function lengthened(expiry) {
    return expiry < 0 ? expiry : Math.max(expiry, HOUR);
}
