"""Typical hand-written limits for FastAPI, with the bugs that docs/from-fastapi.md describes."""

from fastapi import Depends, FastAPI, HTTPException, Request, Response


class Limiter:
    def __init__(self, limit):
        self.limit = limit
        self.counts = {}

    def is_allowed(self, key):
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key] <= self.limit


class Windows:
    """Times of requests by address and path, in one dictionary for all limiters."""

    times = {}

    def __init__(self, limit, period):
        self.limit = limit
        self.period = period

    def is_allowed(self, key, now):
        for each in list(Windows.times):
            Windows.times[each] = [time for time in Windows.times[each] if time > now - self.period]
        Windows.times.setdefault(key, []).append(now)
        return len(Windows.times[key]) <= self.limit


app = FastAPI()
minute = Windows(10, 60)
five_minutes = Windows(5, 300)
keys = {"key-of-acme": "premium"}
tiers = Limiter(20)
warming = Limiter(50)


def within(limiter):
    async def check(request: Request):
        key = f"{request.client.host}:{request.url.path}"
        if not limiter.is_allowed(key, float(request.headers["x-now"])):
            raise HTTPException(429)

    return check


async def awaited(request: Request):
    if not await tiers.is_allowed(request.client.host):
        raise HTTPException(429)


async def by_tier(request: Request, response: Response):
    if keys.get(request.headers.get("x-api-key")) == "premium":
        tiers.limit = tiers.limit * 5
    response.headers["x-limit"] = str(tiers.limit)
    if not tiers.is_allowed("premium"):
        raise HTTPException(429)


async def warm_up(request: Request, response: Response):
    warming.limit = max(1, warming.limit // 5)
    if not warming.is_allowed(request.client.host):
        raise HTTPException(429, headers={"x-limit": str(warming.limit)})
    response.headers["x-limit"] = str(warming.limit)


@app.get("/")
async def root():
    return {}


@app.post("/predict", dependencies=[Depends(within(minute))])
@app.post("/batch", dependencies=[Depends(within(five_minutes))])
@app.post("/awaited", dependencies=[Depends(awaited)])
@app.post("/tiers", dependencies=[Depends(by_tier)])
@app.post("/warm-up", dependencies=[Depends(warm_up)])
async def predict():
    return {"prediction": 1}
