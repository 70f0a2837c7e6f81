"""Limits in a dictionary: the times of the requests of each client in the last minute."""

import time

from fastapi import Depends, FastAPI, HTTPException, Request

from predictions import Row, predict_row


class RateLimiter:
    def __init__(self, requests: int, seconds: float):
        self.requests = requests
        self.seconds = seconds
        self.times: dict[str, list[float]] = {}

    def is_limited(self, client: str) -> bool:
        # Drops the old times of this client only. The article drops those of all clients, which
        # takes time proportional to the number of clients.
        now = time.time()
        recent = [each for each in self.times.get(client, []) if now - each < self.seconds]
        self.times[client] = recent
        if len(recent) >= self.requests:
            return True
        recent.append(now)
        return False


limiter = RateLimiter(requests=100_000, seconds=60)


async def limit(request: Request):
    if limiter.is_limited(request.headers["authorization"]):
        raise HTTPException(status_code=429, detail="Too many requests")


app = FastAPI()


@app.post("/predict", dependencies=[Depends(limit)])
async def predict(row: Row):
    return predict_row(row)
