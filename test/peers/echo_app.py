"""Responds with the request as an application sees it, over WSGI and over ASGI."""

import json

from werkzeug.middleware.proxy_fix import ProxyFix


def _wsgi(environ, start_response):
    seen = {
        "method": environ["REQUEST_METHOD"],
        "root": environ.get("SCRIPT_NAME", ""),
        "path": environ["PATH_INFO"],
        "scheme": environ["wsgi.url_scheme"],
        "host": environ.get("HTTP_HOST"),
        "client": environ["REMOTE_ADDR"],
        "user": environ.get("REMOTE_USER") or environ.get("HTTP_REMOTE_USER"),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]


# Trusts all forwarding headers of one proxy, including the prefix.
wsgi = ProxyFix(_wsgi, x_for=1, x_proto=1, x_host=1, x_port=0, x_prefix=1)


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    seen = {
        "method": scope["method"],
        "root": scope.get("root_path", ""),
        "path": scope["path"],
        "scheme": scope["scheme"],
        "host": headers.get("x-forwarded-host"),
        "client": scope["client"][0],
        "user": headers.get("remote-user") or headers.get("remote_user"),
    }
    body = json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
