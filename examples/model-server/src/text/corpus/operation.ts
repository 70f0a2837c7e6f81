/** Text about running a model server: warm-up, monitoring and failures. */
export const ON_OPERATION = `
A model is not ready when its process has started. The weights have to be read from disk, moved to the
accelerator, and used once or twice before the first answer is as fast as the others. Until then the server
should say that it is not ready, and the gateway should send its requests to another server.

Warming up is done in steps. At first the server takes a small share of the requests, and while it answers
them in time the share grows. After a minute it takes all of them. A server that is given everything at once
spends its first minute with a long queue, and its clients believe that it is broken.

A health check should ask the question that matters. It is not enough that the process is alive, because a
process can be alive and do nothing. The check should ask whether the model is loaded and whether a request
would be answered now. If the answer is no, it should say why.

What should be measured? Count the requests, count the refusals, and keep the time that each answer took. Look
at the slow ones rather than at the mean, because the mean hides the clients that wait. Write down which limit
refused a request, so that a client that asks gets an answer.

When a server is overloaded, retries make it worse. Each refused client tries again, and the server has more
to refuse than before. A client should wait a little longer after every attempt, and it should add a little
chance to the wait, so that a thousand clients do not come back at the same moment.

A store that hangs is worse than a store that is gone. When it is gone, the error comes at once, and the
server can decide what to do. When it hangs, every request waits for it, and the requests pile up until the
process dies. A deadline on every call turns the second case into the first.

If the shared store fails, each server can decide alone for a while. It gives every client its share of the
limit, divided by the number of servers, and so the sum is never more than was promised. When the store comes
back, the servers return to it one after the other.

A new version of a model should be tried on a few requests before it is given all of them. The old version
answers the others, and the two are compared. If the new one is slower or less often right, it is taken out
again, and only a few clients have noticed.

Stopping a server is part of running it. It should take no new requests, finish those that it has begun, and
then end. A stream that would run for another hour cannot be waited for, and so there is a time after which
the server ends whatever is left.

The cheapest request is the one that is never made. A client that keeps an answer for a minute asks once
instead of a hundred times. A gateway that keeps the answers of a model can serve them without waking it. The
hardest part is to know when an old answer is no longer true.
`
