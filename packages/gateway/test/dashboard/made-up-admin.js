import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
const PAGE = fileURLToPath(new URL('../../dashboard/dist', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
export async function startMadeUpAdmin(told) {
    const listening = new Set();
    let away = false;
    const json = (response, body, status = 200) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    async function answer(request, response) {
        if (away)
            return request.socket.destroy();
        const { pathname, searchParams } = new URL(`http://admin${request.url}`);
        if (pathname === '/api/talkers')
            return json(response, told.talkers);
        if (pathname === '/api/record')
            return json(response, told.record);
        if (pathname === '/api/config')
            return response.end(told.configuration);
        if (pathname === '/api/client') {
            const state = told.client(searchParams.get('q') ?? '');
            return state === undefined ? json(response, { error: 'nobody like it' }, 404) : json(response, state);
        }
        if (pathname === '/api/live') {
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            write(response, 'history', told.history);
            write(response, 'status', told.status);
            listening.add(response);
            return request.on('close', () => listening.delete(response));
        }
        const file = pathname === '/' ? 'index.html' : pathname;
        response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain');
        return response.end(await readFile(join(PAGE, file)));
    }
    const server = createServer((request, response) => {
        answer(request, response).catch(() => response.writeHead(404).end());
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return {
        url: `http://127.0.0.1:${server.address().port}/`,
        tell(event, data) {
            for (const response of listening)
                write(response, event, data);
        },
        cut() {
            for (const response of listening)
                response.destroy();
        },
        setAway(now) {
            away = now;
        },
        async close() {
            server.closeAllConnections();
            await once(server.close(), 'close');
        },
    };
}
function write(response, event, data) {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
