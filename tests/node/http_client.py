"""A client of a few lines: one connection, whole answers."""
import socket


class Client:
    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, path="/", method="GET", head=""):
        self.send(f"{method} {path} HTTP/1.1\r\nHost: test\r\n{head}\r\n".encode())
        return self.answer(method)

    def _more(self):
        data = self.socket.recv(1 << 18)
        self.buffer += data
        return bool(data)

    def answer(self, method="GET"):
        """(status, head in small letters, body) of the next answer. EOFError when the connection ends before it."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise EOFError(bytes(self.buffer))
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        head = head.decode().lower()
        status = int(head.split()[1])
        if method == "HEAD" or status in (101, 204, 304):
            return status, head, b""
        if "transfer-encoding: chunked" in head:
            return status, head, self._chunks()
        length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
        return status, head, self._take(length)

    def _take(self, length):
        while len(self.buffer) < length:
            if not self._more():
                raise EOFError
        body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return body

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more():
                    raise EOFError
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            chunk = self._take(int(size, 16) + 2)[:-2]
            if not chunk:
                return body
            body += chunk

    def ended(self):
        """Waits for the end of the connection. True when nothing came before it."""
        try:
            return not self.buffer and not self._more()
        except ConnectionResetError:
            return not self.buffer
