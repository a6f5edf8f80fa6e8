"""Where a server is, and what must not be seen of it: a URL may carry a password or a key in its query.

They are sent and never written: files and messages have the URL without them.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

_FORM = "a server is named by a URL like http://localhost:8000/v1"
_SHORT, _PLACEHOLDER = 4, 8
"""Below these lengths nothing is a secret, and a key may be a placeholder, as "EMPTY", that a reply holds."""


@dataclass(frozen=True)
class Address:
    """A server with an API of OpenAI's form.

    Args:
        url: without user, password and query: what may be seen.
        query: sent with each request, without "?".
        authorization: the header's value; "" for none.
        secrets: what must not be seen.
    """

    url: str
    query: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def endpoint(self, path: str) -> str:
        """The whole URL of a path below."""
        return f"{self.url}/{path}{'?' if self.query else ''}{self.query}"

    def hide(self, text: str) -> str:
        """A message without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "[hidden]")
        return text

    def hide_long(self, text: str) -> str:
        """A text that counts, as a reply, without the secrets that it cannot hold by chance."""
        for secret in self.secrets:
            text = text.replace(secret, "[hidden]") if len(secret) >= _PLACEHOLDER else text
        return text


def read_address(url: str, key: str, key_name: str) -> Address:
    """An address of a URL and a key.

    Args:
        url: http or https, with the version of the API; may have user:password@ and a query.
        key: a bearer token, if not empty, without the white space around it, as files with keys leave it.
        key_name: where the key comes from, for messages.

    Raises:
        ValueError: another kind of URL, or a key that cannot be sent; does not show them.
    """
    key = key.strip()
    if not re.fullmatch("[!-~]*", key):
        raise ValueError(
            f"{key_name} has a blank, a line end or a letter that no header may have: correct it"
        )
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{_FORM}, this one does not begin with http:// or https://")
    if not re.fullmatch("[!-~]*", url):
        raise ValueError(f"{_FORM}, this one has a blank or a letter that must be escaped")
    try:
        parts = urlsplit(url)
        readable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text may have the password
        readable = False
    if not readable or parts.fragment:
        raise ValueError(f"{_FORM}, this one has no host or port that can be read, or a #")
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    if user and key:
        raise ValueError(f"the judge's URL has a user, and {key_name} a key: a request carries one")
    place = parts.netloc.rpartition("@")[2]
    authorization = f"Bearer {key}" if key else ""
    secrets = {key, password, unquote(password), *(value for _, value in parse_qsl(parts.query))}
    if user:
        pair = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
        authorization = f"Basic {pair}"
        secrets |= {pair, f"{user}{colon}{password}"}
    secrets |= {form for secret in secrets for form in (quote(secret, safe=""), json.dumps(secret)[1:-1])}
    secrets = {secret for secret in secrets if len(secret) >= _SHORT} | ({parts.query} - {""})
    return Address(
        urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")),
        parts.query,
        authorization,
        # the longest first: one may hold another
        tuple(sorted(secrets, key=lambda secret: (-len(secret), secret))),
    )
