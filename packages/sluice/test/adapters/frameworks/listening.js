import { once } from 'node:events';
import { createServer } from 'node:http';
/** A server of Node's on a free port of this machine. */
export async function listening(listener) {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return appOf(server);
}
export function appOf(server, end = async () => { }) {
    return {
        port: server.address().port,
        async close() {
            server.closeAllConnections();
            if (server.listening)
                server.close();
            await end();
        },
    };
}
