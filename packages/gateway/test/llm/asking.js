import { readCall } from '../../src/llm/llm-call.js';
import { openAIChat } from '../../src/llm/shapes/openai-chat.js';
/** Reads a request as a route of the shape does; a text is taken as JSON as it stands. */
export function callOf(shape, body, options = {}) {
    const json = typeof body === 'string' ? body : JSON.stringify(body);
    const all = { shape, defaultOutput: 1000, cachedWeight: 1, asksForUsage: true, ...options };
    return readCall(all, JSON.parse(json), Buffer.from(json));
}
/** A chat with as many characters of input, streamed unless said otherwise. */
export function chat(characters, more = {}, options = {}) {
    const messages = [{ role: 'user', content: 'x'.repeat(characters) }];
    return callOf(openAIChat, { model: 'm', messages, stream: true, ...more }, options);
}
export const EVENTS = ['Content-Type', 'text/event-stream; charset=utf-8'];
export const JSON_ANSWER = ['Content-Type', 'application/json'];
/** The text of an event. */
export function event(data, end = '\n') {
    return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}${end}${end}`;
}
