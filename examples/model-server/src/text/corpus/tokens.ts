/** Text about language models, tokens and streams. */
export const ON_TOKENS = `
A language model reads tokens and writes tokens. A token is a word, a piece of a word, or a mark between two
words. The cost of a request depends on how many tokens it brings and on how many tokens it asks for, and only
the first of the two is known when the request arrives.

Reading a prompt and writing an answer are two kinds of work. The prompt is read all at once, and the
accelerator is busy with large matrices. The answer is written one token at a time, and the accelerator spends
its time on moving the weights from memory. A server that does both has to keep the two in balance.

Because the length of an answer is not known, a gateway reserves what the answer may cost at most. When the
answer is finished, the true number of tokens is known, and what was not used is refunded. A client that
asks for a long answer and gets a short one has paid for the short one.

A stream sends each token as soon as it is written. The client sees the first word after a moment and can read
while the model is still writing. The answer as a whole is not faster, but it feels faster, and a client that
has read enough can close the stream and save the rest.

When a client closes the stream, the model should stop. Nobody reads the tokens that come after that, and each
of them takes time from a client that is still waiting. The tokens that were sent before the stream was closed
were read by the client, and they are counted.

A client that reads slowly is a danger of its own. If the server writes faster than the client reads, the
tokens pile up in memory. A careful server waits until the client has read what was sent. It holds one small
buffer for each stream, and it can serve a slow client for hours without growing.

The time to the first token tells how long the prompt waited and how long it took to read. The time between
two tokens tells how busy the model is. When the first number grows, the queue is too long. When the second
number grows, too many streams are running at once.

A model that has seen a prompt before does not have to read it again. The server keeps what it computed for
the start of the prompt, and when another request begins with the same words, it takes up the work from there.
A long instruction that is sent with every request costs almost nothing after the first time.

The temperature says how bold the model is. At zero it always writes the most likely token, and the same
prompt gives the same answer. At one it writes each token as often as it has seen it. Above one it prefers the
surprising words, and after a while it loses its way.

How does a small language model know what to write? It has counted which word follows which pair of words.
When it has seen the pair before, it picks one of the words that came next. When it has never seen the pair,
it looks at the last word alone. It knows nothing of the world, but it knows its text by heart.
`
