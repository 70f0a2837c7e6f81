"""Limits on Redis with fastapi-limiter."""

import os
from contextlib import asynccontextmanager

import redis.asyncio as redis
from fastapi import Depends, FastAPI, Request
from fastapi_limiter import FastAPILimiter
from fastapi_limiter.depends import RateLimiter

from predictions import Row, predict_row


async def client_of(request: Request) -> str:
    return request.headers["authorization"]


@asynccontextmanager
async def lifespan(_: FastAPI):
    await FastAPILimiter.init(redis.from_url(os.environ["REDIS_URL"]), identifier=client_of)
    yield
    await FastAPILimiter.close()


app = FastAPI(lifespan=lifespan)


@app.post("/predict", dependencies=[Depends(RateLimiter(times=100_000, seconds=60))])
async def predict(row: Row):
    return predict_row(row)
