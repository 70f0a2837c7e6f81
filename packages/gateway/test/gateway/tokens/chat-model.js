/** A model that says what it is told to, in OpenAI's shape: as a document, or as a stream that tells its usage if asked to. */
export function chatModel({ words, usage, }) {
    const asked = [];
    return {
        asked,
        async listener(request, response) {
            const body = (await jsonOf(request));
            asked.push({ body, headers: request.headers });
            if (body.stream === true) {
                response.writeHead(200, { 'content-type': 'text/event-stream' });
                for (const word of words)
                    response.write(wordEvent(word));
                if (body.stream_options?.include_usage === true)
                    response.write(usageEvent(usage));
                response.end('data: [DONE]\n\n');
            }
            else {
                const message = { role: 'assistant', content: words.join('') };
                answerJson(response, { choices: [{ index: 0, message }], usage });
            }
        },
    };
}
export function wordEvent(content) {
    return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
}
export function usageEvent(usage) {
    return `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
}
export function answerJson(response, value, status = 200) {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
export async function jsonOf(request) {
    const chunks = [];
    for await (const chunk of request)
        chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString());
}
