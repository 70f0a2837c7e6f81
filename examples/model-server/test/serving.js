import { QUICK_PLAN, trainModels } from '../src/models.js';
import { startModelServer } from '../src/server.js';
import { atOnce } from '../src/slices.js';
/** Models that are right more often than chance and ready in a moment. */
export function quickModels() {
    return atOnce(trainModels(QUICK_PLAN));
}
export async function serve(options) {
    const server = await startModelServer({ port: 0, tokenInterval: 0, grace: 0, ...options });
    const url = `http://127.0.0.1:${server.port}`;
    const post = (path, body, signal) => fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal ? { signal } : {}),
    });
    return {
        server,
        url,
        post,
        async ask(path, body) {
            const answer = await post(path, body);
            return { status: answer.status, body: await answer.json() };
        },
        [Symbol.asyncDispose]: () => server.close(),
    };
}
/** Waits until something holds; the test's own time limit ends a wait in vain. */
export async function until(holds) {
    while (!(await holds()))
        await new Promise((resolve) => setTimeout(resolve, 5));
}
