"""A shop that is not Settle, for tests of `settle bench`: every request takes its time, and POSTs
are answered as one table says."""

import asyncio
import contextlib
import threading


class StubShop:
    """Answers 200 `ok` after `delay` seconds; `answers` maps the beginning of a path to
    (status, body). Runs in a thread of its own until `close`."""

    def __init__(self, delay=0.0, answers=None):
        self.delay = delay
        self.answers = answers or {}
        self.paths = []
        self.port = None
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        if not ready.wait(10):
            raise AssertionError("the stub did not start")

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode()
                self.paths.append(path)
                if self.delay:
                    await asyncio.sleep(self.delay)
                status, body = next(
                    (answer for begin, answer in self.answers.items() if path.startswith(begin)),
                    (200, "ok"))
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                             .encode())
        writer.close()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
