import { Agent, request as httpRequest, } from 'node:http';
/** Sends a request on a connection of its own; a header with several values is sent as so many lines. */
export function ask(port, path, asking = {}) {
    return new Promise((resolve, reject) => {
        begin(port, path, asking)
            .once('response', async (response) => {
            let text = '';
            for await (const chunk of response.setEncoding('utf8'))
                text += chunk;
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        })
            .once('error', reject);
    });
}
export function begin(port, path, { method = 'POST', headers = {}, body } = {}) {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const agent = new Agent();
    const request = httpRequest({
        host: '127.0.0.1',
        port,
        path,
        method,
        agent,
        headers: { ...json, ...headers },
    });
    return request.end(body === undefined ? undefined : JSON.stringify(body));
}
/** The statuses of so many requests, one after the other. */
export async function statuses(port, path, count, asking = {}) {
    const seen = [];
    for (let index = 0; index < count; index++)
        seen.push((await ask(port, path, asking)).status);
    return seen;
}
/** Begins a request whose answer goes on, and waits for its first bytes. */
export function open(port, path) {
    return new Promise((resolve) => {
        const request = begin(port, path);
        request.on('error', () => { });
        request.once('response', (response) => {
            response.on('error', () => { });
            response.once('data', () => resolve([response.statusCode ?? 0, request]));
        });
    });
}
