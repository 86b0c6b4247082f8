"""The client's address and scheme as a proxy in front tells them: only a proxy that is trusted is believed. No I/O."""

import ipaddress
from typing import Any, Dict, List, Optional, Tuple


class Trust:
    """Addresses and networks, separated by commas; `*`: every one. A peer on a unix socket is always trusted."""

    def __init__(self, text: str) -> None:
        words = [word.strip() for word in text.split(",") if word.strip()]
        self.all = "*" in words
        try:
            self._networks = [ipaddress.ip_network(word, strict=False) for word in words if word != "*"]
        except ValueError as error:
            raise ValueError(f"--forwarded-allow-ips: {error}") from None

    def covers(self, host: str) -> bool:
        if self.all:
            return True
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)


def _address(host: str) -> Optional[Any]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _original(hops: List[str], trust: Trust) -> Optional[str]:
    """The last hop that is no trusted proxy; with `*` the first."""
    if trust.all:
        return hops[0] if hops and _address(hops[0]) else None
    found = None
    for hop in reversed(hops):
        if _address(hop) is None:
            return found  # what stands before something unreadable is worth nothing
        found = hop
        if not trust.covers(hop):
            return hop
    return found


def apply(environ: Dict[str, Any], peer: Optional[Tuple[str, int]], trust: Trust) -> None:
    """Sets REMOTE_ADDR and wsgi.url_scheme. `peer`: the real one; None on a unix socket."""
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").strip().lower()
    hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if not (scheme or hops) or (peer is not None and not trust.covers(peer[0])):
        return
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme
    original = _original(hops, trust)
    if original is not None:
        environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = original
        environ["REMOTE_PORT"] = ""
