import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { Arrivals } from './arrivals.js';
/** A server that leaves every answer to the test, or to the listener. It ends with the test. */
export async function httpUpstream(listener = () => { }) {
    const asked = new Arrivals();
    let connections = 0;
    const server = createHttpServer((request, response) => {
        asked.add({ request, response });
        listener(request, response);
    });
    server.on('connection', () => connections++);
    const url = await started(server);
    return {
        url,
        asked,
        get connections() {
            return connections;
        },
    };
}
/**
 * A server that writes bytes and not messages. It ends with the test.
 *
 * @param respond called with each request, of which all is expected to come at once
 */
export async function rawUpstream(respond = () => { }) {
    const asked = new Arrivals();
    let received = '';
    const sockets = new Set();
    const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => { });
        socket.once('close', () => sockets.delete(socket));
        socket.once('data', () => asked.add(socket));
        socket.on('data', (chunk) => {
            received += chunk.toString('latin1');
            respond(socket, chunk.toString('latin1'));
        });
    });
    const url = await started(server);
    onTestFinished(() => {
        for (const socket of sockets)
            socket.destroy();
    });
    return {
        url,
        asked,
        get received() {
            return received;
        },
        get open() {
            return sockets.size;
        },
    };
}
/** An address where nothing listens. */
export async function nobodyThere() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return `http://127.0.0.1:${port}`;
}
async function started(server) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
        if ('closeAllConnections' in server)
            server.closeAllConnections();
        server.close();
    });
    return `http://127.0.0.1:${server.address().port}`;
}
/** Reads a whole body. */
export async function textOf(message) {
    const chunks = [];
    for await (const chunk of message)
        chunks.push(chunk);
    return Buffer.concat(chunks).toString('latin1');
}
