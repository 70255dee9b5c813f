"""Names by which a server may be called: other sites must not reach it under a name of theirs (DNS rebinding).

A page of another site can let its own name point to this machine, and would then count as the same site as the app.
Addresses such as 192.168.1.2 cannot be redirected in this way.
"""

import ipaddress
import re
import socket

_AUTHORITY = re.compile(r"(\[[0-9a-f:.%]+\]|[^\[\]:@/\s]+)(?::[0-9]{1,5})?", re.IGNORECASE)


def own_names(*others: str) -> frozenset[str]:
    """Return the names of this machine, in lower case, and others."""
    machine = socket.gethostname()
    short = machine.partition(".")[0]
    names = ("localhost", machine, short, f"{short}.local", *others)
    return frozenset(name.lower().removesuffix(".") for name in names if name)


def is_allowed_host(header: str, names: frozenset[str]) -> bool:
    """Whether a request's Host, such as `localhost:8080` or `[::1]`, is an IP address or one of the names."""
    found = _AUTHORITY.fullmatch(header.strip())
    if found is None:
        return False
    host = found[1].strip("[]").lower().removesuffix(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host in names or host.endswith(".localhost")
    return True
