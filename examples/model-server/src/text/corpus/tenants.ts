/** Text about sharing a model fairly: tiers, tenants, keys and abuse. */
export const ON_TENANTS = `
A model that is shared by many tenants has to be shared fairly. Fair does not mean that everybody gets the
same. It means that everybody gets what was promised, and that one tenant cannot take what was promised to
another. What nobody uses may be given to those who ask for more.

A tier is a class of client with limits of its own. The free tier is small, so that anybody can try the model.
The premium tier is large, so that a client who pays is not held up. The tier has to come from the key that
was checked by the server and never from a header that the client can write.

An address is a weak name for a client. A proxy can stand between the client and the server, and then all
clients have the address of the proxy. The header that names the true address can be written by anybody. A
server should believe it only when it comes from a proxy that it knows.

A client that wants more than the limit will look for a way around it. It will add a slash to the path, write
a letter in another case, or open a new account for every request. Each way that is found should be closed,
and a test should be written so that it stays closed.

The keys of the clients should be kept as digests. A server that keeps a digest can check a key without
knowing it, and a list that is stolen is of no use to the thief. A key should be shown once, when it is made,
and never again.

When one tenant sends a flood of requests, the others should not notice. The limit of the tenant refuses most
of the flood at the door, before the body is read and before the model is asked. What passes the door waits in
the line of that tenant and not in the line of the others.

A quota is a limit for a long time. It counts the tokens of a day or of a month, and it follows the calendar,
because a bill does so too. A client should be able to see how much of its quota is left at any time, and it
should be told before the quota is used up.

How should a line be ordered when several tenants are waiting? First come, first served is simple, but the
tenant with the most requests gets the most. It is fairer to count what each tenant was given and to serve the
one that was given the least. A tenant that was away for a while should not be paid for the time it did not
ask.

A limit that is never met is no limit, and a limit that is always met is a wall. Look at how often each client
is refused. If nobody is ever refused, the limit protects nothing. If the same client is refused every day,
ask whether it needs a larger tier.

Before a new limit refuses anybody, let it run in the shadow. It counts as if it were real and writes down
what it would have refused, but it lets every request pass. After a week the list shows whether the limit is
right. Then it is switched on, and there are no surprises.
`
