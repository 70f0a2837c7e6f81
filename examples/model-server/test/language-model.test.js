import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../src/slices.js';
import { CORPUS } from '../src/text/corpus.js';
import { trainLanguageModel } from '../src/text/language-model.js';
import { following, START, TrigramModel } from '../src/text/ngram.js';
import { createTokenizer, END } from '../src/text/tokenizer.js';
describe('the tokenizer', () => {
    const tokenizer = createTokenizer(CORPUS);
    it('gives every text back', () => {
        const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc
            .array(fc.constantFrom(' the', 'limit', ' ', '\n\n', '\n', '.', '7', 'é', '\ufeff'))
            .map((a) => a.join('')));
        fc.assert(fc.property(text, (text) => {
            // A lone surrogate is no text; in bytes it is a replacement character.
            expect(tokenizer.decode(tokenizer.encode(text))).toBe(Buffer.from(text).toString());
        }), { seed: 20261124, numRuns: 300 });
    });
    it('takes one token for a word it knows and one a byte for another', () => {
        expect(tokenizer.encode('The token bucket.')).toHaveLength(4);
        expect(tokenizer.encode('The token bücket')).toHaveLength(2 + ' bücket'.length + 1);
        expect(tokenizer.encode('')).toEqual([]);
        expect(tokenizer.encode('\n\n')).toEqual([END]);
    });
    it('says which word a token is', () => {
        const [token = -1, mark = -1] = tokenizer.encode('The,');
        expect([tokenizer.wordOf(token), tokenizer.wordOf(mark), tokenizer.wordOf(65)]).toEqual(['the', '', '']);
    });
    it('refuses numbers that are no tokens', () => {
        expect(() => tokenizer.decode([tokenizer.size])).toThrow(RangeError);
        expect(() => tokenizer.decode([-1])).toThrow(RangeError);
    });
});
describe('the trigram model', () => {
    it('computes what Witten and Bell say', () => {
        // Tokens 0 and 1 stand for a and b; the paragraphs are "a b" and "a a".
        const model = new TrigramModel(END + 1);
        model.learn([0, 1]);
        model.learn([0, 0]);
        const single = (1 + 1) / (6 + 257);
        // After a: b, a and the end, once each.
        const pair = (1 + 3 * single) / (3 + 3);
        expect(model.probability(1, [7, 0])).toBeCloseTo(pair, 12);
        // After the start and a: b and a, once each.
        expect(model.probability(1, [END, 0])).toBeCloseTo((1 + 2 * pair) / (2 + 2), 12);
    });
    it('gives every token a chance, and all of them together one', () => {
        const tokenizer = createTokenizer(CORPUS);
        const model = new TrigramModel(tokenizer.size);
        for (const text of CORPUS)
            model.learn(tokenizer.encode(text));
        const [before = 0, last = 0] = tokenizer.encode(' the server');
        const nowhere = [65, 66];
        for (const context of [START, [before, last], [last, before], nowhere]) {
            const shares = Array.from({ length: tokenizer.size }, (_, token) => model.probability(token, context));
            expect(Math.min(...shares)).toBeGreaterThan(0);
            expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
        }
    });
});
describe('what the language model writes', () => {
    const model = atOnce(trainLanguageModel());
    const { tokenizer } = model;
    const options = { maxTokens: 200, temperature: 0.7, seed: 1, ignoreEnd: false };
    const write = (prompt, more = {}) => {
        const tokens = [];
        const writing = model.write(tokenizer.encode(prompt), { ...options, ...more });
        let step = writing.next();
        for (; !step.done; step = writing.next())
            tokens.push(step.value);
        return { tokens, text: tokenizer.decode(tokens), finish: step.value };
    };
    it('has learned something: new text surprises it less than chance would', () => {
        expect(model.perplexity).toBeLessThan(tokenizer.size / 4);
    });
    it('is the same for the same seed and prompt, and something else otherwise', () => {
        expect(write('What is a limit?')).toEqual(write('What is a limit?'));
        expect(write('What is a limit?', { seed: 2 })).not.toEqual(write('What is a limit?'));
        expect(write('What is a batch?')).not.toEqual(write('What is a limit?'));
        expect(write('Hi', { temperature: 0, seed: 1 })).toEqual(write('Hi', { temperature: 0, seed: 2 }));
    });
    it('goes on where the prompt stops', () => {
        expect(write('When the answer is', { seed: 3 }).text).toMatch(/^ \w/);
        expect(write('Zebra xylophone', { seed: 3 }).text).toMatch(/^[A-Z]/);
    });
    it('takes up the words of the prompt', () => {
        const mentions = (prompt, word) => Array.from({ length: 40 }, (_, seed) => write(prompt, { seed }).text.split(word).length - 1).reduce((a, b) => a + b);
        expect(mentions('Tell me about the bucket!', 'bucket')).toBeGreaterThan(mentions('Tell me!', 'bucket') * 2);
    });
    it('has only pairs of tokens that it has read, and counts them as the tokenizer does', () => {
        const pairs = new Set();
        for (const text of CORPUS) {
            let context = START;
            for (const token of [...tokenizer.encode(text), END]) {
                pairs.add(`${context[1]} ${token}`);
                context = following(context, token);
            }
        }
        for (let seed = 0; seed < 50; seed++) {
            const { tokens, text } = write('', { seed, temperature: 2, ignoreEnd: true });
            let last = END;
            for (const token of tokens) {
                expect([last, token, pairs.has(`${last} ${token}`)]).toEqual([last, token, true]);
                last = token;
            }
            expect(tokenizer.encode(text)).toEqual(tokens);
        }
    });
    it('ends with a paragraph or at the length, and only there where the end is to be ignored', () => {
        const ended = write('', { maxTokens: 10_000 });
        expect(ended.finish).toBe('stop');
        expect(ended.text).toMatch(/[.?]$/);
        expect(write('', { maxTokens: 3 })).toMatchObject({ finish: 'length', tokens: { length: 3 } });
        const long = write('', { maxTokens: 10_000, ignoreEnd: true });
        expect(long.finish).toBe('length');
        expect(long.tokens).toHaveLength(10_000);
        expect(long.text).toContain('\n\n');
    });
});
