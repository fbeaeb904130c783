"""A web server on this machine that can break off, ignore ranges, and remembers what was asked."""

import http.server
import threading
from contextlib import contextmanager


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; can break off, ignore ranges, and remembers what was asked."""

    def do_GET(self):
        name = self.path.split("/")[-1]
        self.server.asked.append((name, self.headers.get("Range")))
        if name not in self.server.files:
            return self.send_error(404)
        body, tag = self.server.files[name], f'"{hash(self.server.files[name])}"'
        start, asked = 0, self.headers.get("Range")
        if asked and self.server.ranges and self.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body)
        if self.server.breaks:
            end = start + self.server.breaks.pop(0)
        self.wfile.write(body[start:end])

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    """The server: ``files`` name -> bytes, ``breaks``, ``ranges``, ``asked`` and its ``url``."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.files, made.asked, made.breaks, made.ranges = {}, [], [], True
        made.url = f"http://127.0.0.1:{made.server_address[1]}"
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()
