"""The body of a chunked request, strictly: every byte has one meaning, and no line is long.

Takes the place of waitress's receiver, which skips empty lines and lets lines grow. Does no I/O.
"""

import re
from typing import Any, Optional

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\Z")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\Z")
_MAX_LINE = 1024
_MAX_TRAILER = 8192


class ChunkedBody:
    """waitress's IStreamConsumer. `buffer`: gets the content."""

    def __init__(self, buffer: Any) -> None:
        self.completed = False
        self.error: Optional[str] = None
        self._buffer = buffer
        self._line = b""
        self._left = 0  # of the chunk, with its CR LF
        self._trailer: Optional[int] = None  # its bytes so far, after the last chunk

    def received(self, data: bytes) -> int:
        """Takes what belongs to the body; how many bytes that was."""
        at = 0
        while at < len(data) and not self.completed and self.error is None:
            at += self._take_content(data, at) if self._left else self._take_line(data, at)
        return at

    def _take_content(self, data: bytes, at: int) -> int:
        content = data[at : at + max(0, self._left - 2)]
        if content:
            self._buffer.append(content)
            self._left -= len(content)
            return len(content)
        if data[at] != (0x0D if self._left == 2 else 0x0A):
            self.error = "A chunk does not end where it should."
        self._left -= 1
        return 1

    def _take_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at, at + _MAX_LINE + 2 - len(self._line))
        stop = end + 1 if end >= 0 else min(len(data), at + _MAX_LINE + 2 - len(self._line))
        self._line += data[at:stop]
        if end >= 0:
            line, self._line = self._line, b""
            self._obey(line)
        elif len(self._line) >= _MAX_LINE + 2:
            self.error = "A line of the body is too long."
        return stop - at

    def _obey(self, line: bytes) -> None:
        text = line[:-2]
        if not line.endswith(b"\r\n") or b"\r" in text:
            self.error = "A line of the body does not end in CR LF."
        elif self._trailer is not None:
            self._trailer += len(line)
            if not text:
                self.completed = True
            elif self._trailer > _MAX_TRAILER or not _TRAILER.match(text):
                self.error = "The trailer is malformed."
        else:
            found = _SIZE.match(text)
            if not found:
                self.error = "A chunk's size is malformed."
            elif int(found[1], 16) == 0:
                self._trailer = 0
            else:
                self._left = int(found[1], 16) + 2

    def __len__(self) -> int:
        return len(self._buffer)

    def getfile(self) -> Any:
        return self._buffer.getfile()

    def getbuf(self) -> Any:
        return self._buffer
