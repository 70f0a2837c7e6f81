import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
/** Connects to a port of this machine; the connection ends with the test. */
export async function rawClient(port) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    onTestFinished(() => {
        socket.destroy();
    });
    let received = '';
    let code = '';
    const looks = new Set();
    const lookAgain = () => {
        for (const look of looks)
            look();
    };
    socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        lookAgain();
    });
    socket.on('close', lookAgain);
    socket.on('error', (error) => {
        code = error.code ?? 'UNKNOWN';
    });
    const closed = new Promise((resolve) => socket.once('close', () => resolve(code)));
    await once(socket, 'connect');
    const send = (text) => {
        socket.write(text, 'latin1');
    };
    return {
        socket,
        closed,
        send,
        get received() {
            return received;
        },
        until(text, times = 1) {
            return new Promise((resolve, reject) => {
                const look = () => {
                    if (received.split(text).length > times) {
                        looks.delete(look);
                        resolve();
                    }
                    else if (socket.destroyed) {
                        const missed = JSON.stringify(text);
                        reject(new Error(`the connection closed before ${missed} came; ${JSON.stringify(received)} did`));
                    }
                };
                looks.add(look);
                look();
            });
        },
    };
}
/** The bytes of a request to `localhost`; the body as it is given. */
export function message(line, headers = [], body = '') {
    return [line, 'Host: localhost', ...headers, '', body].join('\r\n');
}
