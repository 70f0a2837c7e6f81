import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageHider } from '../../src/llm/answer/usage-hider.js';
import { event } from './asking.js';
import { byByte, cutAt, modelBlocks, modelData, places, streams } from './event-stream.js';
const SEED = 20261128;
function hidden(chunks) {
    const hider = new UsageHider();
    return Buffer.concat([...chunks.map((chunk) => hider.push(chunk)), hider.end()]).toString('latin1');
}
/** The same, slowly and from the whole stream. */
function modelHidden(bytes) {
    const { blocks, rest } = modelBlocks(bytes);
    return [...blocks, rest].filter((block, index) => !isUsage(modelData(block, index === 0))).join('');
}
function isUsage(data) {
    try {
        const { choices, usage } = JSON.parse(data ?? '');
        return Array.isArray(choices) && choices.length === 0 && typeof usage === 'object' && usage !== null;
    }
    catch {
        return false;
    }
}
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const word = (content) => event({ choices: [{ delta: { content } }], usage: null });
describe('usage that the client did not ask for', () => {
    it('is gone, and nothing else', () => {
        const before = event({ choices: [], prompt_filter_results: [] }) + word('a') + word('é😀');
        const last = event({ choices: [{ delta: {}, finish_reason: 'stop' }], usage });
        const stream = Buffer.from(before + last + event({ choices: [], usage }) + event('[DONE]'));
        const expected = Buffer.from(before + last + event('[DONE]')).toString('latin1');
        expect(hidden([stream])).toBe(expected);
        expect(hidden(byByte(stream))).toBe(expected);
    });
    it.each(['\n', '\r\n', '\r'])('is gone where lines end with %j', (end) => {
        const stream = (more) => Buffer.from(event('{"choices":[1]}', end) + more + event('[DONE]', end));
        const expected = stream('').toString('latin1');
        expect(hidden(byByte(stream(event({ choices: [], usage }, end))))).toBe(expected);
    });
    it('is gone at the end of a stream that lacks its last line', () => {
        expect(hidden([Buffer.from(`${word('a')}data: ${JSON.stringify({ choices: [], usage })}`)])).toBe(word('a'));
    });
    it('is what a slow model takes out, wherever the chunks begin and end', () => {
        let removed = 0;
        fc.assert(fc.property(streams, places, (bytes, cuts) => {
            const expected = modelHidden(bytes);
            if (expected.length < bytes.length)
                removed += 1;
            for (const chunks of [[bytes], cutAt(bytes, cuts), byByte(bytes)])
                expect(hidden(chunks)).toBe(expected);
        }), { seed: SEED, numRuns: 2000 });
        expect(removed).toBeGreaterThan(200);
    });
    it('makes no complete event wait', () => {
        const hider = new UsageHider();
        for (const text of [word('a'), word('b'), `: ping\n\n`, event('[DONE]')])
            expect(hider.push(Buffer.from(text)).toString()).toBe(text);
    });
    it('holds back no event that is too long to be usage', () => {
        const hider = new UsageHider();
        const start = Buffer.from(`data: {"choices":[],"usage":{"x":"${'y'.repeat(70_000)}`);
        expect(hider.push(start).length).toBe(start.length);
        const end = Buffer.from('"}}\n\n');
        expect(hider.push(end).toString()).toBe(end.toString());
        expect(hider.push(Buffer.from(event({ choices: [], usage }))).length).toBe(0);
    });
    it('takes nothing out of an event that is too long, whatever a part of it looks like', () => {
        const hider = new UsageHider();
        hider.push(Buffer.from(`data: ${'y'.repeat(70_000)}\n`));
        const part = event({ choices: [], usage });
        expect(hider.push(Buffer.from(part)).toString()).toBe(part);
    });
});
