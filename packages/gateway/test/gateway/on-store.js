import { onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { startGateway } from '../../src/gateway.js';
import { echo, send, upstreamOf } from './running.js';
/** @param text the file without `listen`, `admin` and `upstream` */
export async function gatewayOn(text, upstream = echo) {
    const upstreamUrl = await upstreamOf(upstream);
    const configOf = (rest) => parseConfig(`listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstream: ${upstreamUrl}\n${rest}`, 'test.yaml');
    const lines = [];
    const logged = (level) => (fields, message) => void lines.push({ level, message, fields: { ...fields } });
    const gateway = await startGateway(configOf(text), {
        info(fields, message) {
            if (!/a request was refused|more in the last second/.test(message))
                logged('info')(fields, message);
        },
        error: logged('error'),
        upstreamFailed: (failure) => logged('error')(failure, 'the upstream failed'),
        crashed: (error) => logged('error')({ error }, 'an unforeseen error'),
    });
    onTestFinished(() => gateway.close());
    const url = `http://127.0.0.1:${gateway.address.port}`;
    const adminUrl = `http://127.0.0.1:${gateway.adminAddress?.port}`;
    return {
        gateway,
        url,
        adminUrl,
        lines,
        configOf,
        async predict(count, headers = {}) {
            const answers = Array.from({ length: count }, () => send(url, '/predict', { headers }));
            return (await Promise.all(answers)).map(({ status }) => status);
        },
        async readiness() {
            const response = await fetch(`${adminUrl}/readyz`);
            return { status: response.status, body: await response.json() };
        },
    };
}
export function allowed(statuses) {
    return statuses.filter((status) => status === 200).length;
}
