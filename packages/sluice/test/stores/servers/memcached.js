import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { freePort, until } from './redis.js';
/** Starts a server and waits until it answers. Given a port, it starts there (again). */
export async function startMemcached(port, options = []) {
    const own = port ?? (await freePort());
    const settings = ['-p', String(own), '-l', '127.0.0.1', '-U', '0', '-t', '2', ...asWho(), ...options];
    const child = spawn('memcached', settings, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ask = (command, last) => answerOf(own, command, last);
    const crawl = async () => {
        // The server writes the list while it looks for it; one crawl at a time.
        const lines = await ask('lru_crawler metadump all', 'END');
        return lines.filter((line) => line.startsWith('key=')).map(keyAndExpiry);
    };
    const keys = async () => {
        // A crawl may leave out an item: one that is in use, as it is until shortly after its answer was sent, or that is just moved about.
        const found = new Map();
        for (let time = 0; time < 5; time++)
            for (const [key, expiry] of await crawl())
                found.set(key, expiry);
        return found;
    };
    const stop = () => stopped(child);
    try {
        await ended(child, until(async () => (await ask('version', 'VERSION')).length > 0));
    }
    catch (cause) {
        await stop();
        throw new Error(`memcached on port ${own} does not answer`, { cause });
    }
    return { port: own, url: `memcached://127.0.0.1:${own}`, process: child, ask, keys, stop };
}
/** Memcached runs for root only when it is told whose rights to take. */
function asWho() {
    return process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
}
function answerOf(port, command, last) {
    return new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
        let text = '';
        socket.setEncoding('latin1');
        socket.on('data', (data) => {
            text += data;
            const lines = text.split('\r\n').flatMap((line) => line.split('\n'));
            const end = lines.findIndex((line) => line.startsWith(last));
            if (end < 0 || end === lines.length - 1)
                return;
            socket.destroy();
            resolve(lines.slice(0, end + 1));
        });
        socket.on('error', reject);
        socket.on('close', () => reject(new Error(`the connection ended after '${text.slice(0, 200)}'`)));
    });
}
/** From a line such as `key=a%3Ab exp=1800000000 la=… cas=… fetch=… cls=… size=…`. */
function keyAndExpiry(line) {
    const [, key = '', expiry = ''] = /^key=(\S+) exp=(-?\d+) /.exec(line) ?? [];
    return [decodeURIComponent(key), Number(expiry)];
}
/** The promise, or an error as soon as the process has ended or could not be started. */
function ended(child, promise) {
    return new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
        promise.then(resolve, reject);
    });
}
async function stopped(child) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
        return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
}
