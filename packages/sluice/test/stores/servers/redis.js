import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
const run = promisify(execFile);
/** Redis, or what does as it does: `valkey-server`, or the path of another version. */
const PROGRAM = process.env.REDIS_SERVER || 'redis-server';
/** Starts a standalone server and waits until it answers. Given a port, it starts there (again). */
export async function startRedis(settings = [], port) {
    const own = port ?? (await freePort());
    const options = ['--port', String(own), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    return start(own, [...options, ...settings]);
}
/** Starts three primaries that share the slots, and waits until each says that the cluster is whole. */
export async function startRedisCluster() {
    const nodes = [];
    const stop = async () => {
        await Promise.all(nodes.map((node) => node.stop()));
    };
    try {
        for (let node = 0; node < 3; node++)
            nodes.push(await startClusterNode());
        const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
        await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes']);
        for (const node of nodes)
            await until(async () => (await node.cli('cluster', 'info')).includes('cluster_state:ok'));
        return { nodes, url: `redis+cluster://${addresses.join()}`, stop };
    }
    catch (error) {
        await stop();
        throw error;
    }
}
/** Adds a node that follows a primary, to take its place; waits until it has what the primary has. */
export async function addReplica(primary) {
    const replica = await startClusterNode();
    try {
        const addresses = [replica, primary].map(({ port }) => `127.0.0.1:${port}`);
        const id = await primary.cli('cluster', 'myid');
        const role = ['--cluster-slave', '--cluster-master-id', id];
        await run('redis-cli', ['--cluster', 'add-node', ...addresses, ...role]);
        await until(async () => (await replica.cli('info', 'replication')).includes('master_link_status:up'));
        return replica;
    }
    catch (error) {
        await replica.stop();
        throw error;
    }
}
/** A cluster's nodes talk to each other on a port of their own, which is asked for too. */
async function startClusterNode() {
    const bus = await freePort();
    return startRedis([
        ...['--cluster-enabled', 'yes', '--cluster-port', String(bus)],
        ...['--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'],
    ]);
}
/** Starts a primary, a replica and a Sentinel, and waits until the Sentinel knows both. */
export async function startRedisSentinels() {
    const servers = [];
    const stop = async () => {
        await Promise.all(servers.map((server) => server.stop()));
    };
    try {
        const name = 'mymaster';
        const primary = await startRedis();
        servers.push(primary);
        const replica = await startRedis(['--replicaof', `127.0.0.1 ${primary.port}`]);
        servers.push(replica);
        await until(async () => (await replica.cli('info', 'replication')).includes('master_link_status:up'));
        const sentinel = await startSentinel(name, primary.port);
        servers.push(sentinel);
        await until(async () => (await sentinel.cli('sentinel', 'replicas', name)).includes(String(replica.port)));
        return {
            primary,
            replica,
            sentinel,
            name,
            url: `redis+sentinel://127.0.0.1:${sentinel.port}/${name}`,
            stop,
        };
    }
    catch (error) {
        await stop();
        throw error;
    }
}
async function startSentinel(name, primaryPort) {
    const port = await freePort();
    const settings = [
        `port ${port}`,
        'bind 127.0.0.1',
        `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 1`,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 3000`,
    ];
    return start(port, ['--sentinel'], settings.join('\n'));
}
/** In a folder of its own, which goes with it. */
async function start(port, options, configuration) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'));
    const file = join(folder, 'server.conf');
    if (configuration !== undefined)
        await writeFile(file, configuration);
    const all = [...(configuration === undefined ? [] : [file]), ...options, '--dir', folder];
    const cli = async (...command) => {
        const { stdout } = await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...command]);
        return stdout.trim();
    };
    let child;
    const crash = () => killed(child);
    const stop = async () => {
        await crash();
        await rm(folder, { recursive: true, force: true });
    };
    const startAgain = async () => {
        child = spawn(PROGRAM, all, { stdio: ['ignore', 'pipe', 'inherit'] });
        let output = '';
        child.stdout?.on('data', (data) => {
            output = (output + data).slice(-4000);
        });
        try {
            await ended(child, until(async () => (await cli('ping')) === 'PONG'));
        }
        catch (cause) {
            await stop();
            throw new Error(`${PROGRAM} on port ${port} does not answer. It said:\n${output}`, { cause });
        }
    };
    await startAgain();
    return {
        port,
        get process() {
            return child;
        },
        cli,
        crash,
        startAgain,
        stop,
    };
}
/** The promise, or an error as soon as the process has ended or could not be started. */
function ended(child, promise) {
    return new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
        promise.then(resolve, reject);
    });
}
async function killed(child) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
        return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
}
/** A port of the loopback interface that nobody has now. */
export async function freePort() {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    if (address === null || typeof address === 'string')
        throw new Error('no port was given');
    return address.port;
}
/** Waits until a condition holds; what it throws counts as not yet. */
export async function until(condition, atMost = 20_000) {
    const deadline = performance.now() + atMost;
    for (;;) {
        if (await condition().catch(() => false))
            return;
        if (performance.now() > deadline)
            throw new Error(`it did not come about within ${atMost} ms: ${condition}`);
        await pause(20);
    }
}
