"""The whole house in real processes: carrier, web (one or several behind one address) and worker, on a real database.

house = House(database_url, folder).open()
ana = house.agent("Ana")                      # signed in, available, with a softphone
caller = house.phone("+15551230001")
caller.dial(LINE); caller.press("1")
ana.phone.answer()
house.stop("worker"); house.start("worker", crash_at="O2"); house.wait_for_crash("worker")
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select, text
from twilio.request_validator import RequestValidator

from app.accounts.models import User
from app.config import Settings
from app.db import unit_of_work
from app.interactions.models import Disposition
from app.routing.models import Queue, QueueMember
from telephony.models import PhoneNumber
from tests.support.front_door import FrontDoor
from tests.support.people import a_person
from tests.support.processes import Process
from tests.telephony.local_carrier.phone import ScriptedPhone
from tests.telephony.local_carrier.running import BaseUrlHttpClient

ROOT = Path(__file__).parents[2]
FLOWS = Path(__file__).parent / "flows"
LINE = "+15005550006"
READY_S = 120.0
PATIENCE_S = 20.0
BEAT_S = 5.0
RELOADS = 3
UNASSIGNED_PORTS = (12_000, 32_000)
"""Below those that the system hands out for connections (Linux: from 32768, others: from 49152)."""


class House:
    """Processes by name: `carrier`, `web` (and `web2`, …), `worker` (and `worker2`, …).

    Everything it starts ends with `close`.
    """

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        webs: int = 1,
        workers: int = 1,
        hears: bool = False,
        flows: Path = FLOWS,
        webhook_limit_s: float = 15.0,
        speech_cache: Path | None = None,
    ) -> None:
        """`hears`: with recognisers (slower); `webhook_limit_s`: how long the carrier waits for an answer."""
        self.front = FrontDoor()
        self.folder = folder
        self._ports = {name: free_port() for name in ["carrier", "web", *(f"web{n}" for n in range(2, webs + 1))]}
        self.web_names = [name for name in self._ports if name != "carrier"]
        self.worker_names = ["worker", *(f"worker{n}" for n in range(2, workers + 1))]
        self.env = {
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "SECRET_KEY": secrets.token_hex(16),
            "RECORDINGS_URL": str(folder / "audio"),
            "PUBLIC_BASE_URL": self.front.url,
            "TWILIO_API_BASE": f"http://127.0.0.1:{self._ports['carrier']}",
            "FLOWS_DIR": str(flows),
            "CARRIER_WEBHOOK_LIMIT_S": str(webhook_limit_s),
            "SPEECH_FETCH": "never",
            "SPEECH_CACHE": str(speech_cache or folder / "speech"),
            "DEMO": "0",
        }
        if not hears:
            self.env["SPEECH_LANGUAGES"] = "tlh"  # no engine serves it, so none is loaded
        self.settings = Settings.from_env(self.env)
        self.processes: dict[str, Process] = {}
        self._workers_started: Counter[str] = Counter()
        self._armed: set[str] = set()
        self._phones: list[ScriptedPhone] = []
        self._agents: list[Agent] = []

    # --- the processes ------------------------------------------------------------------------------------------

    def open(self) -> House:
        """Start everything and wait until it is ready. The database has its tables; `furnish` fills them."""
        try:
            self.start("carrier")
            self._own_the_line()
            for name in [*self.web_names, *self.worker_names]:
                self.start(name, wait=False)
            for name in [*self.web_names, *self.worker_names]:
                self.wait_until_ready(name)
        except BaseException:
            self.close()
            raise
        return self

    def furnish(self) -> None:
        """A queue, an outcome and the line, in an empty database."""
        with unit_of_work() as session:
            session.add(Queue(key="sales", name="Sales", ring_s=15, wrap_up_s=60))
            session.add(Disposition(code="DONE", label="Done"))
            session.add(PhoneNumber(number=LINE, label="Main line", flow="main", language="en"))

    def tidy_up(self) -> None:
        """Send everybody home, put broken processes right and finish the work at hand: ready for another test."""
        self._send_home()
        self.until(self._is_quiet, "every call is over", 30)
        programs = [*self.web_names, *self.worker_names]
        unfit = [name for name in programs if name in self._armed or not self._runs(name)]
        for name in unfit:
            if name in self.processes:
                self.kill(name)
            self.start(name, wait=False)
        for name in unfit:
            self.wait_until_ready(name)
        self.drain()

    def close(self) -> None:
        """End everything that was started here."""
        self._send_home()
        for name in list(self.processes):
            self.kill(name)
        self.front.close()

    def start(self, name: str, *, crash_at: str | None = None, wait: bool = True) -> None:
        """Start a process; with `crash_at` it kills itself at that point (app/crash.py)."""
        assert name not in self.processes, f"{name} runs already"
        works = name in self.worker_names
        module = "app.carrier_process" if name == "carrier" else "app.worker" if works else "app.asgi"
        env = {**self.env, "PORT": str(self._ports.get(name, 1)), "PYTHONPATH": str(ROOT)}
        if crash_at:
            env["CRASH_AT"] = crash_at
            self._armed.add(name)
        self._workers_started[name] += works
        self.processes[name] = Process(module, env, self._log(name))
        if name in self.web_names:
            self.front.welcome(self._ports[name])
        if wait:
            self.wait_until_ready(name)

    def wait_until_ready(self, name: str) -> None:
        """Wait until a process that was started can work."""
        self._until(name, lambda: self._is_ready(name), f"{name} is ready", READY_S)

    def arm(self, **crash_points: str) -> None:
        """Replace processes by ones that will kill themselves: `arm(web="W3", worker="O2")`."""
        for name in crash_points:
            self.processes[name].terminate()
        for name, crash_at in crash_points.items():
            self._wait_for_end(name)
            self.start(name, crash_at=crash_at, wait=False)
        for name in crash_points:
            self.wait_until_ready(name)

    @contextlib.contextmanager
    def supervised(self) -> Iterator[list[str]]:
        """While the block runs, start crashed processes again, as a service manager does; gives the crashed ones."""
        crashed: list[str] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.1):
                for name in [name for name, process in self.processes.items() if process.exit_code is not None]:
                    crashed.append(name)
                    self.wait_for_crash(name)
                    self.start(name, wait=False)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield crashed
        finally:
            over.set()
            watcher.join()

    def kill(self, name: str) -> None:
        """End a process as a power cut does."""
        process = self.processes.pop(name)
        self._armed.discard(name)
        self._leave(name)
        process.kill()
        process.wait(10)

    def stop(self, name: str) -> int:
        """Ask a process to end (SIGTERM); its exit code."""
        self.processes[name].terminate()
        return self._wait_for_end(name)

    def freeze(self, name: str) -> None:
        """A process stands still as on a machine that is suspended; `thaw` wakes it."""
        os.kill(self.processes[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.kill(self.processes[name].pid, signal.SIGCONT)

    def wait_for_crash(self, name: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until a process has killed itself at its crash point."""
        process = self.processes[name]
        self._until(None, lambda: process.exit_code is not None, f"{name} crashed", timeout_s)
        assert process.exit_code == -signal.SIGKILL, f"{name} ended with {process.exit_code}\n{self.log_of(name)}"
        del self.processes[name]
        self._armed.discard(name)
        self._leave(name)

    def port(self, name: str) -> int:
        """Where a process listens."""
        return self._ports[name]

    def log_of(self, name: str, lines: int = 60) -> str:
        """The end of what a process said."""
        log = self._log(name)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    @property
    def names(self) -> list[str]:
        """Every process that the house may run."""
        return [*self._ports, *self.worker_names]

    # --- people -------------------------------------------------------------------------------------------------

    def phone(self, number: str) -> ScriptedPhone:
        """An outside telephone."""
        auth = (self.settings.twilio_account_sid, self.settings.twilio_auth_token)
        return self._keep(ScriptedPhone(self.settings.twilio_api_base, number=number, auth=auth))

    def softphone(self, token: str) -> ScriptedPhone:
        """A browser's phone. It speaks to the carrier itself, as Twilio's does: web may die without ending the call."""
        return self._keep(ScriptedPhone(self.settings.twilio_api_base, token=token))

    def browser(self, user: User) -> httpx.Client:
        """A browser where this person has signed in; writes carry the CSRF token."""
        key = self.settings.secret_key
        csrf = secrets.token_hex(20)
        app = Flask("cookie")
        app.secret_key = key
        serializer = SecureCookieSessionInterface().get_signing_serializer(app)
        assert serializer is not None
        cookie = serializer.dumps({"_user_id": user.fs_uniquifier, "_fresh": True, "csrf_token": csrf})
        return httpx.Client(
            base_url=self.front.url,
            cookies={"session": cookie},
            headers={"X-CSRFToken": str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(csrf))},
            timeout=20,
        )

    def agent(self, name: str = "Ana", queue: str = "sales") -> Agent:
        """An agent at their desk: signed in, member of the queue, softphone registered, available."""
        user = a_person("agent", name=name)
        with unit_of_work() as session:
            queue_id = session.scalars(select(Queue.id).where(Queue.key == queue)).one()
            session.add(QueueMember(queue_id=queue_id, user_id=user.id))
        return self.sits_down(user)

    def sits_down(self, user: User) -> Agent:
        """Anybody with a desktop, in no queue yet: signed in, softphone registered, available."""
        agent = Agent(self, user)
        self._agents.append(agent)
        return agent

    # --- the carrier --------------------------------------------------------------------------------------------

    def carrier(self) -> Any:
        """The official client, pointed at the house's carrier."""
        from twilio.rest import Client

        http = BaseUrlHttpClient(self.settings.twilio_api_base)
        return Client(self.settings.twilio_account_sid, self.settings.twilio_auth_token, http_client=http)

    def webhook(self, path: str, form: dict[str, str], *, to: str | None = None) -> httpx.Response:
        """A request as the carrier makes it, signed; `to` picks one of several webs."""
        url = self.settings.public_base_url + path
        signature = RequestValidator(self.settings.twilio_auth_token).compute_signature(url, form)
        base = f"http://127.0.0.1:{self._ports[to]}" if to else self.front.url
        return httpx.post(base + path, data=form, headers={"X-Twilio-Signature": signature}, timeout=20)

    # --- waiting ------------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
        """Poll until the condition holds and give its value; AssertionError with the logs at the deadline."""
        return self._until(None, condition, what, timeout_s)

    def drain(self, timeout_s: float = 60.0) -> None:
        """Wait until no job is due or running."""
        self.until(lambda: not self.jobs_due(), "every job is done", timeout_s)

    def jobs_due(self) -> list[str]:
        with unit_of_work() as session:
            return list(
                session.scalars(
                    text(
                        "SELECT task_name FROM procrastinate_jobs WHERE status = 'doing'"
                        " OR status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())"
                    )
                )
            )

    # --- inside -------------------------------------------------------------------------------------------------

    def _wait_for_end(self, name: str) -> int:
        code = self.processes.pop(name).wait(30)
        self._armed.discard(name)
        self._leave(name)
        return code

    def _runs(self, name: str) -> bool:
        return name in self.processes and self.processes[name].exit_code is None

    def _is_quiet(self) -> bool:
        """Whether the carrier has no call any more."""
        statuses = ("queued", "ringing", "in-progress")
        return not any(self.carrier().calls.list(status=status, limit=1) for status in statuses)

    def _send_home(self) -> None:
        for agent in self._agents:
            agent.go()
        for phone in self._phones:
            phone.close()
        self._agents.clear()
        self._phones.clear()

    def _own_the_line(self) -> None:
        """Tell the carrier where the line's calls go, rather than wait for the worker to do so."""
        base = self.front.url
        self.carrier().incoming_phone_numbers.create(
            phone_number=LINE,
            voice_url=f"{base}/voice/incoming",
            voice_fallback_url=f"{base}/voice/fallback",
            status_callback=f"{base}/voice/status",
            sms_url=f"{base}/sms/incoming",
            sms_fallback_url=f"{base}/sms/fallback",
        )

    def _keep(self, phone: ScriptedPhone) -> ScriptedPhone:
        self._phones.append(phone)
        return phone

    def _leave(self, name: str) -> None:
        if name in self.web_names and self._ports[name] in self.front.backends:
            self.front.backends.remove(self._ports[name])

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _is_ready(self, name: str) -> bool:
        if name == "carrier":
            return self._carrier_answers()
        return self._worker_is_ready(name) if name in self.worker_names else self._web_is_ready(name)

    def _carrier_answers(self) -> bool:
        return _answers(f"{self.settings.twilio_api_base}/healthz")

    def _web_is_ready(self, name: str) -> bool:
        return _answers(f"http://127.0.0.1:{self._ports[name]}/readyz")

    def _worker_is_ready(self, name: str) -> bool:
        return self._log(name).read_bytes().count(b"worker: ready") >= self._workers_started[name]

    def _until(self, process: str | None, condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            if process and self.processes[process].exit_code is not None:
                raise AssertionError(f"{process} ended while it started\n{self.log_of(process)}")
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self.log_of(name)}" for name in self.names)
                raise AssertionError(f"it never came to: {what}\n{logs}")
            time.sleep(0.05)  # polled with a deadline
        return found


class Agent:
    """A person at a desk: a browser that beats, and a softphone."""

    def __init__(self, house: House, user: User) -> None:
        self.house = house
        self.user = user
        self.browser = house.browser(user)
        self.session_id = str(uuid.uuid4())
        self.phone = house.softphone(self.token())
        self._gone = threading.Event()
        self.beat()
        threading.Thread(target=self._keep_beating, daemon=True).start()
        self.be("available")

    def token(self) -> str:
        """An access token for the softphone."""
        return str(self._checked(self.browser.get("/desktop/token"))["token"])

    def beat(self, *, phone_ready: bool = True) -> dict[str, Any]:
        """The tab is alive."""
        report = {"session_id": self.session_id, "phone_ready": phone_ready, "problem": None}
        return self._checked(self.browser.post("/desktop/heartbeat", json=report))

    def be(self, presence: str, reason: str | None = None) -> dict[str, Any]:
        return self._checked(self.browser.post("/desktop/presence", json={"presence": presence, "reason": reason}))

    def state(self) -> dict[str, Any]:
        """What the desktop shows. A request that broke off is asked again, as the page does."""
        for _ in range(RELOADS):
            with contextlib.suppress(httpx.TransportError):
                return self._checked(self.browser.get("/desktop/state"))
        return self._checked(self.browser.get("/desktop/state"))

    def hang_up(self) -> None:
        call = self.state()["call"]
        self._checked(self.browser.post(f"/desktop/calls/{call['interaction_id']}/hangup", json={}))

    def wrap_up(self, interaction_id: uuid.UUID | str, code: str = "DONE") -> None:
        self._checked(self.browser.post(f"/desktop/interactions/{interaction_id}/wrap-up", json={"code": code}))

    def new_phone(self) -> ScriptedPhone:
        """The page was loaded again: a new tab, a new softphone."""
        self.session_id = str(uuid.uuid4())
        self.phone = self.house.softphone(self.token())
        self.beat()
        return self.phone

    def go(self) -> None:
        """Leave the desk without a word."""
        self._gone.set()

    def _keep_beating(self) -> None:
        while not self._gone.wait(BEAT_S):
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                self.beat(phone_ready=not self.phone.closed.is_set())

    def _checked(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


def free_port() -> int:
    """A port that nobody listens on now, and that no connection going out is given before we use it."""
    while True:
        port = random.randrange(*UNASSIGNED_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
