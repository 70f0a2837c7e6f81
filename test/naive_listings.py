"""As tiers and warm-up are often written for FastAPI, with the faults that docs/from-fastapi.md tells of."""

from fastapi import Depends, FastAPI, HTTPException, Request, Response


class Limiter:
    def __init__(self, limit):
        self.limit = limit
        self.counts = {}

    def is_allowed(self, key):
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key] <= self.limit


app = FastAPI()
tiers = Limiter(20)
warming = Limiter(50)


async def awaited(request: Request):
    if not await tiers.is_allowed(request.client.host):
        raise HTTPException(429)


async def by_tier(request: Request, response: Response):
    if request.headers.get("x-user-tier") == "premium":
        tiers.limit = tiers.limit * 5
    response.headers["x-limit"] = str(tiers.limit)
    if not tiers.is_allowed("premium"):
        raise HTTPException(429)


async def warm_up(request: Request, response: Response):
    warming.limit = warming.limit // 5
    if not warming.is_allowed(request.client.host):
        raise HTTPException(429, headers={"x-limit": str(warming.limit)})
    response.headers["x-limit"] = str(warming.limit)


@app.get("/")
async def root():
    return {}


@app.post("/awaited", dependencies=[Depends(awaited)])
@app.post("/tiers", dependencies=[Depends(by_tier)])
@app.post("/warm-up", dependencies=[Depends(warm_up)])
async def predict():
    return {"prediction": 1}
