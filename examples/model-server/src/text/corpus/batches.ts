/** Text about batches, queues and the shared accelerator. */
export const ON_BATCHES = `
An accelerator is fast when it does the same thing to many numbers at once. A model that answers one request
at a time leaves most of it idle. This is why a server collects requests into a batch, runs the batch through
the model, and gives each client its own row of the answer.

A batch has a price, and the price is time. The first request of a batch waits for the last one to arrive. If
the server waits too long, every client sees a slow model. If the server waits too little, the batch is small
and the accelerator is idle again. Most servers wait for a few milliseconds and then run what they have.

The size of a batch is limited by memory. Each row of a batch needs room for what the layers put out, and a
wide network needs more room than a narrow one. When the memory is full, the server has to refuse the next row
or wait for a row to finish.

In continuous batching a request may join while the batch is running. The server looks at the batch after
every token, takes out what is finished, and puts in what is waiting. A short answer no longer waits for a
long answer, and the accelerator is busy from the first token to the last.

A queue hides a problem until it is large. As long as the queue is short, everything looks well. When requests
arrive faster than the model can answer them, the queue grows, every client waits longer, and after a while
the server is working on requests that nobody is waiting for. It is better to refuse early than to answer
late.

The right length of a queue follows from the time a client is willing to wait. If a client waits for two
seconds and the model answers five requests in a second, then a queue of ten is long enough. Anything that is
put behind it will be thrown away, and the work of reading it was done for nothing.

How many requests may be in flight at once? The number is found by trying. With few in flight the model is
idle between requests. With many in flight each one gets a small share and all of them are slow. Somewhere
between the two there is a number where the model is busy and the clients are still content.

A large batch from one client can delay a small request from another. The server can cut the large batch into
slices and let the small request run between two slices. The large batch takes a little longer, and nobody
notices. The small request is answered at once, and everybody notices that.

Priorities are a way to say who should wait. A request from a person who looks at a screen is more urgent than
a request from a job that runs at night. When the server is busy, the job should be the first to wait and the
person the last. When the server is idle, the two should be treated the same.

A heavy model and a light model often answer the same question. The light one is right most of the time and
costs almost nothing. The heavy one is right a little more often and costs a hundred times as much. A good
server asks the light model first and the heavy model only when the light one is not sure.
`
