import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Runs it on free ports and waits until it has printed what to try. */
export async function startStack() {
    const [port, adminPort, modelPort] = await freePorts(3);
    const child = spawn('npm', ['start'], {
        cwd: ROOT,
        env: { ...process.env, PORT: `${port}`, ADMIN_PORT: `${adminPort}`, MODEL_PORT: `${modelPort}` },
        // A group of its own, so that all of it can be stopped whatever happens.
        detached: true,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => {
            said += text;
        });
    }
    const ended = once(child, 'close');
    while (!said.includes('Ctrl-C')) {
        if (child.exitCode !== null)
            throw new Error(`npm start ended:\n${said}`);
        await Promise.race([ended, once(child.stdout, 'data')]);
    }
    return {
        port: port,
        adminPort: adminPort,
        modelPort: modelPort,
        said: () => said,
        async stop() {
            if (child.exitCode === null && child.pid !== undefined)
                process.kill(-child.pid, 'SIGINT');
            await ended;
        },
    };
}
/** Ports that were free a moment ago. */
export async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    const ports = servers.map((server) => server.address().port);
    await Promise.all(servers.map((server) => once(server.close(), 'close')));
    return ports;
}
