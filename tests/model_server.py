"""An OpenAI-compatible server on the loopback that says what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from runtime.issues import JsonValue

Json = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server; `hold` keeps it waiting until the server closes, `pieces` come one after another."""

    status: int = 200
    body: Json | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: bool = False
    pieces: tuple[bytes, ...] = ()

    @property
    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Json:
        body: Json = json.loads(self.raw)
        return body


def says(text: str, *, finish_reason: str = "stop", model: str = "tiny") -> Reply:
    """A whole chat completion: 7 tokens of prompt, 3 of them cached, and 2 of completion."""
    message: Json = {"role": "assistant", "content": text}
    usage: Json = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    choice: Json = {"index": 0, "finish_reason": finish_reason, "message": message}
    return Reply(
        body={"id": "x", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}
    )


def refuses(status: int, message: str, code: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's form; header names are written with underscores."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message, "type": "error", "param": None, "code": code}}, names)


class ModelServer:
    """Gives the replies in order, the last one again and again; a callable is asked for a reply to each request."""

    def __init__(self, *replies: Reply, answer: Callable[[Asked], Reply] | None = None) -> None:
        self.asked: list[Asked] = []
        self._replies = list(replies)
        self._answer = answer or self._next
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._open = 0
        self._closed = threading.Condition(self._guard)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True  # a connection that a client forgot does not hold up the test
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reply(self, asked: Asked) -> Reply:
        with self._guard:
            self.asked.append(asked)
            reply = self._answer(asked)
        if reply.hold:
            self._closing.wait()
        return reply

    def connected(self, change: int) -> None:
        with self._closed:
            self._open += change
            self._closed.notify_all()

    def all_have_left(self, within: float = 5) -> bool:
        """Whether nobody is connected any more, or will not be in so many seconds."""
        with self._closed:
            return self._closed.wait_for(lambda: self._open == 0, within)

    def _next(self, asked: Asked) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # connections are kept

            def setup(self) -> None:
                super().setup()
                server.connected(+1)

            def finish(self) -> None:
                super().finish()
                server.connected(-1)

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                reply = server.reply(Asked(self.path, dict(self.headers), raw))
                if reply.hold:  # whoever waited for this one has gone
                    self.close_connection = True
                else:
                    self._send(reply)

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                if reply.pieces:
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    for piece in (*reply.pieces, b""):
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    return
                self.send_header("content-length", str(len(reply.payload)))
                self.end_headers()
                self.wfile.write(reply.payload)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
