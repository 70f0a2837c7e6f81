"""Responds with the number of rows of a request, as FastAPI, Flask and plain WSGI applications read it."""

import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Header, Request
from flask import Flask, request as flask_request
from pydantic import BaseModel

# The number that applications use if a request does not state one.
DEFAULT = 50


def rows_of(body: Any) -> int:
    data = body.get("data") if isinstance(body, dict) else None
    if data is None:
        return DEFAULT
    return len(data) if isinstance(data, (list, str, dict)) else 0


class Rows(BaseModel):
    data: list[Any] | None = None


fastapi = FastAPI()


@fastapi.post("/rows")
async def typed(rows: Rows, n: int = DEFAULT, x_rows: int = Header(DEFAULT)):
    return {"run": rows_of({"data": rows.data}) + n + x_rows}


@fastapi.post("/loose/rows")
async def loose(request: Request):
    n = int(request.query_params.get("n", DEFAULT))
    x_rows = int(request.headers.get("x-rows", DEFAULT))
    return {"run": rows_of(await request.json()) + n + x_rows}


flask = Flask(__name__)


@flask.post("/rows")
def with_flask():
    n = flask_request.args.get("n", DEFAULT, type=int)
    x_rows = flask_request.headers.get("X-Rows", DEFAULT, type=int)
    return {"run": rows_of(flask_request.get_json()) + n + x_rows}


@flask.post("/loose/rows")
def with_flask_loosely():
    n = max(map(int, flask_request.args.getlist("n")), default=DEFAULT)
    x_rows = int(flask_request.headers.get("X-Rows", DEFAULT))
    return {"run": rows_of(flask_request.get_json(force=True)) + n + x_rows}


def wsgi(environ, start_response):
    body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    n = max(map(int, parse_qs(environ["QUERY_STRING"]).get("n", [DEFAULT])))
    x_rows = int(environ.get("HTTP_X_ROWS", DEFAULT))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"run": rows_of(body) + n + x_rows}).encode()]
