"""Asking web services for flows: guarded, with the installation's secrets, and a memory for answers to GET."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import structlog

from app.config import Settings
from app.guarded_http import AddressRefused, GuardedClient, GuardedError, TimedOut, TooLarge
from ivr_flows.events import LookupAnswered
from ivr_flows.instructions import LookUp

log = structlog.get_logger()

AT_ONCE = 16
KEPT_ANSWERS = 500


class WebServices:
    """Asks for flows. Safe from several threads; one for each process."""

    def __init__(
        self,
        allowed: tuple[str, ...] = (),
        secrets: Mapping[str, str] | None = None,
        *,
        client: GuardedClient | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client or GuardedClient(allowed)
        self._secrets = dict(secrets or {})
        self._monotonic = monotonic
        self._kept: OrderedDict[str, tuple[float, LookupAnswered]] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look-up")

    @classmethod
    def of(cls, settings: Settings) -> WebServices:
        return cls(settings.http_allow_hosts, settings.flow_secrets)

    def ask(self, look: LookUp) -> LookupAnswered:
        """The service's answer, or why there is none. Never raises; may take as long as the look-up allows."""
        key = json.dumps([look.method, look.url, dict(look.headers), dict(look.secrets)], sort_keys=True)
        kept = self._remembered(key) if look.cache_s else None
        if kept is not None:
            return kept
        answered = self._asked(look)
        if look.cache_s and answered.problem is None and answered.status is not None and answered.status < 300:
            self._remember(key, answered, look.cache_s)
        return answered

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Do this in a thread of our own."""
        return self._threads.submit(work)

    def _asked(self, look: LookUp) -> LookupAnswered:
        try:
            headers = self._headers(look)
            body = None if look.body is None else look.body.encode()
            answer = self._client.ask(look.method, look.url, headers=headers, body=body, timeout_s=look.timeout_s)
        except TimedOut:
            return LookupAnswered(problem="timeout")
        except AddressRefused as refused:
            log.warning("look_up.refused", node=look.node, why=str(refused))
            return LookupAnswered(problem="refused")
        except TooLarge:
            return LookupAnswered(problem="too large")
        except GuardedError as error:
            log.info("look_up.failed", node=look.node, why=str(error))
            return LookupAnswered(problem="unreachable")
        return _read(answer.status, answer.content)

    def _headers(self, look: LookUp) -> dict[str, str]:
        headers = dict(look.headers)
        if look.content_type:
            headers["Content-Type"] = look.content_type
        if look.secrets:
            self._check_trust(look.url)
            for header, name in look.secrets.items():
                if name not in self._secrets:
                    raise AddressRefused(f"There is no secret {name}: set FLOW_SECRET_{name.upper()}.")
                headers[header] = self._secrets[name]
        return headers

    def _check_trust(self, url: str) -> None:
        """A flow's author must not be able to send a secret to just any host."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if not self._client.is_allowed(parts.hostname or "", port):
            raise AddressRefused("Secrets are sent only to hosts that HTTP_ALLOW_HOSTS names.")

    def _remembered(self, key: str) -> LookupAnswered | None:
        with self._lock:
            until, answered = self._kept.get(key, (0.0, None))
            return answered if until > self._monotonic() else None

    def _remember(self, key: str, answered: LookupAnswered, for_s: int) -> None:
        with self._lock:
            self._kept[key] = (self._monotonic() + for_s, answered)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)


def _read(status: int, content: bytes) -> LookupAnswered:
    """An answer's JSON. One without content has none; one that cannot be read is said to be none."""
    if not content.strip():
        return LookupAnswered(status)
    try:
        return LookupAnswered(status, json.loads(content, parse_constant=_no_number))
    except (ValueError, RecursionError):
        return LookupAnswered(status, problem="no JSON" if status < 300 else None)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
