"""Two HTTP clients: `Client` speaks well-formed HTTP over one kept-alive connection,
`RawConnection` sends any bytes. Both talk to 127.0.0.1 only and bound every wait."""

import concurrent.futures
import http.client
import json
import select
import socket
import threading
import time


class NoAnswer(Exception):
    """The connection failed before a whole answer came: what the request did is unknown."""


class Answer:
    def __init__(self, status, headers, body, version="HTTP/1.1"):
        self.status = status
        self.headers = headers
        self.body = body
        self.version = version

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def content_type(self):
        """Without parameters, in lower case."""
        return (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def code(self):
        """The machine-readable code of a problem, else None."""
        return self.json["code"] if self.content_type == "application/problem+json" else None

    def same_as(self, other):
        return (self.status, self.content_type, self.body) == (
            other.status, other.content_type, other.body)

    def __repr__(self):
        return f"<{self.status} {self.content_type} {self.body[:300]!r}>"


class Client:
    """One connection, one thread. Never repeats a request by itself."""

    def __init__(self, port, timeout=35):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def request(self, method, path, headers=None, body=None, key=None):
        headers = dict(headers or {})
        if key is not None:
            headers["Idempotency-Key"] = key
        self._drop_connection_closed_by_server()
        try:
            self.connection.request(method, path, body=body, headers=headers)
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise NoAnswer(f"{method} {path}: {error!r}") from error

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def close(self):
        self.connection.close()

    def _drop_connection_closed_by_server(self):
        """A readable idle connection holds nothing but its end."""
        sock = self.connection.sock
        if sock is not None:
            poller = select.poll()
            poller.register(sock, select.POLLIN)
            if poller.poll(0):
                self.connection.close()


class RawConnection:
    """Bytes to the server and answers back; a reset by the server is an end, not an error."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        """False if the server has closed its side."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def answer(self, has_body=True):
        """The next answer, 1xx included; None if the connection ends instead. `has_body=False`
        after a HEAD."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._receive():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status = status_line.split(" ")[:2]
        headers = http.client.HTTPMessage()
        for line in lines:
            name, value = line.split(":", 1)
            headers[name] = value.strip()
        status = int(status)
        bodyless = not has_body or status < 200 or status in (204, 304)
        return Answer(status, headers, b"" if bodyless else self._body(headers), version)

    def exchange(self, data, **options):
        self.send(data)
        return self.answer(**options)

    def ends_within(self, seconds):
        """True if the server closes the connection by then; what it still sends is dropped."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                if not self._receive():
                    return True
            except TimeoutError:
                break
        return False

    def _body(self, headers):
        if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
            body = b""
            while size := int(self._line().split(b";")[0], 16):
                body += self._exactly(size)
                self._line()
            while self._line():
                pass
            return body
        if headers.get("Content-Length") is not None:
            return self._exactly(int(headers["Content-Length"]))
        while self._receive():
            pass
        body, self.buffer = self.buffer, b""
        return body

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._receive_or_fail()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _exactly(self, size):
        while len(self.buffer) < size:
            self._receive_or_fail()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _receive_or_fail(self):
        if not self._receive():
            raise NoAnswer("the connection ended inside an answer")

    def _receive(self):
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        self.buffer += data
        return bool(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def in_parallel(count, call, seconds=60):
    """Runs call(0) … call(count - 1) in threads that begin together; the results in order."""
    begin = threading.Barrier(count)

    def run(index):
        begin.wait(seconds)
        return call(index)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(run, index) for index in range(count)]
        return [future.result(seconds) for future in futures]
