import { once } from 'node:events';
import { createServer, request as httpRequest, } from 'node:http';
import { onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { startGateway } from '../../src/gateway.js';
/**
 * @param text the file without `listen`, `admin` and `upstream`
 * @param upstream its listener; or the URL of one that runs already
 * @param admin what stands behind `admin:`
 */
export async function running(text, upstream = echo, admin = '127.0.0.1:0') {
    const upstreamUrl = typeof upstream === 'string' ? upstream : await upstreamOf(upstream);
    const configOf = (rest) => parseConfig(`listen: 127.0.0.1:0\nadmin: ${admin}\nupstream: ${upstreamUrl}\n${rest}`, 'test.yaml');
    const failures = [];
    const gateway = await startGateway(configOf(text), logInto(failures));
    onTestFinished(() => gateway.close());
    return {
        gateway,
        url: `http://127.0.0.1:${gateway.address.port}`,
        adminUrl: `http://127.0.0.1:${gateway.adminAddress?.port}`,
        failures,
        configOf,
    };
}
export async function upstreamOf(listener) {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
        server.closeAllConnections();
        server.close();
    });
    return `http://127.0.0.1:${server.address().port}`;
}
/** Answers with what it was asked. */
export async function echo(request, response) {
    const chunks = [];
    for await (const chunk of request)
        chunks.push(chunk);
    response.setHeader('content-type', 'application/json');
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
}
function logInto(failures) {
    return {
        upstreamFailed: (failure) => failures.push(failure),
        crashed: (error) => failures.push(error),
        info: () => { },
        error: (fields) => failures.push(fields),
    };
}
/** Sends a request whose target is written as it is given, which `fetch` would tidy up, and reads the answer. */
export async function send(url, target, { method = 'POST', headers = {}, body = '' } = {}) {
    const { hostname, port } = new URL(url);
    const request = httpRequest({ hostname, port, method, path: target, headers: { ...headers }, agent: false });
    request.end(body);
    const [response] = (await once(request, 'response'));
    let text = '';
    for await (const chunk of response.setEncoding('utf8'))
        text += chunk;
    return { status: response.statusCode ?? 0, headers: response.headers, text };
}
/** Waits until something holds. */
export async function until(holds) {
    while (!(await holds()))
        await new Promise((resolve) => setTimeout(resolve, 5));
}
