"""Limits in memory with slowapi."""

from fastapi import FastAPI, Request
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded

from predictions import Row, predict_row

limiter = Limiter(key_func=lambda request: request.headers["authorization"])
app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)


@app.post("/predict")
@limiter.limit("100000/minute")
async def predict(request: Request, row: Row):
    return predict_row(row)
