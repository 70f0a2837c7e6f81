/** Text about limits and refusals. Paragraphs are separated by empty lines. */
export const ON_LIMITS = `
A limit is a promise with two sides. It tells the client how much it may ask for, and it tells the server how
much it will ever have to do. When the two sides disagree, the queue grows, and a queue that grows for long
enough is the same thing as an outage.

The token bucket is the friendliest of the algorithms. It holds a number of tokens, it fills at a steady rate,
and a request takes what it costs. A client that has been quiet for a while may send a few requests at once,
and a client that never rests is held to the rate. Nothing else has to be remembered.

A fixed window is easy to explain and easy to get wrong. It counts the requests of a minute, and when the
minute is over it begins again at zero. A client that knows the clock can send the whole limit at the end of
one window and the whole limit at the start of the next, so that twice the limit arrives within a few seconds.

A sliding log remembers the time of every request. It is exact, because it can say how many requests came in
the last minute at any moment, and it is expensive for the same reason. For a limit of ten requests it is the
right choice. For a limit of a million requests it is a list that nobody wants to keep.

A refused request should cost nothing. If a client that is over its limit is charged for each attempt, then
every attempt moves the moment at which it may come back, and a client that retries too fast is locked out for
as long as it tries. The server has done no work for it, and so it should take no tokens from it.

A good refusal names the limit that was exceeded and the moment at which this request would be admitted. A client
that knows the moment can wait for it. A client that knows nothing will try again at once, and so will all the
others, and the server will spend its time on saying no.

One request may be subject to several limits at the same time. There may be a limit on requests, a limit on tokens, and
a limit on how many are in flight. The request takes from all of them or from none of them. If it took from
the first and was refused by the second, the first would be wrong from then on.

The cost of a request is not always one. A batch of a hundred rows costs a hundred, and a heavy model costs
more than a light one. When every request counts the same, the clients with the largest requests get the most,
and they get it from the clients with the smallest.

Who is counted is as important as how much is counted. A limit for an address is shared by everybody in an
office. A limit for a key follows the client wherever it goes. A limit for everybody protects the model, but
it lets one busy client use up what the others were promised.

What happens when the limit itself is changed? The careful answer is that the units that were used stay used.
A client that had used ten of the old limit has used ten of the new limit. A change should never fill a
bucket that was empty, and it should never lock out a client that has done nothing wrong.
`
