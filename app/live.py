"""`/live`: server-sent events. Tails the event log and pushes by topic; holds no business rules.

The log's ids are given in the order of writing, not of commit, so a tail by id would skip a row that commits late.
This tail orders by (transaction, id) and reads only transactions older than every one still running: what it has
passed can never change any more, and a browser that comes back with its last event id misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.rows import dict_row
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.events import EVENT_CHANNEL, WHISPER_CHANNEL

log = structlog.get_logger()

KEEPALIVE_S = 15
POLL_S = 1.0
GATHER_S = 0.03
"""A busy house is read this often at most, many events at a time."""
HELD_BACK_POLL_S = 0.02
BACKLOG = 1_000
PAGE = 500
MAX_TOPICS = 50
MAX_KINDS = 100


class Cursor(NamedTuple):
    """A place in the log: everything up to it has been seen."""

    xid: int
    id: int

    def __str__(self) -> str:
        return f"{self.xid}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read `<xid>-<id>`. ValueError for anything else."""
        found = re.fullmatch(r"(\d{1,19})-(\d{1,19})", text)
        if not found:
            raise ValueError("an event id looks like 123-456")
        return cls(int(found[1]), int(found[2]))


PASSED = "xid < pg_snapshot_xmin(pg_current_snapshot())"
READ = f"""
    SELECT id, xid::text::bigint AS xid, at, kind, customer_id, interaction_id, actor, topics, data FROM event
    WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s) AND {PASSED}
    """  # noqa: S608 - no input in it
READ_ALL = READ + " ORDER BY xid, id LIMIT %(page)s"
READ_TOPICS = READ + " AND topics && %(topics)s AND (xid, id) <= (%(end_xid)s::text::xid8, %(end_id)s)"
READ_TOPICS += " ORDER BY xid, id LIMIT %(page)s"
NEWEST = f"SELECT xid::text::bigint, id FROM event WHERE {PASSED} ORDER BY xid DESC, id DESC LIMIT 1"  # noqa: S608
HELD_BACK = """
    SELECT EXISTS (SELECT 1 FROM event WHERE (xid, id) > (%(xid)s::text::xid8, %(id)s))
        OR pg_snapshot_xmin(pg_current_snapshot()) < pg_snapshot_xmax(pg_current_snapshot())
    """


async def newest(connection: psycopg.AsyncConnection[Any]) -> Cursor:
    """The place that everything committed so far is at or before."""
    row = await (await connection.execute(NEWEST)).fetchone()
    return Cursor(*row) if row else Cursor(0, 0)


async def read_after(connection: psycopg.AsyncConnection[Any], cursor: Cursor) -> list[dict[str, Any]]:
    """The next events after `cursor`, oldest first, at most a page."""
    async with connection.cursor(row_factory=dict_row) as rows:
        await rows.execute(READ_ALL, {"xid": str(cursor.xid), "id": cursor.id, "page": PAGE})
        return await rows.fetchall()


@dataclass(eq=False)
class Listener:
    """One browser: its topics and what it has not been sent yet."""

    topics: frozenset[str]
    kinds: frozenset[str] = frozenset()
    """Only these; none named: all of them."""
    waiting: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def wants(self, topics: list[str], kind: str) -> bool:
        return not self.topics.isdisjoint(topics) and (not self.kinds or kind in self.kinds)

    def offer(self, frame: str) -> None:
        try:
            self.waiting.put_nowait(frame)
        except asyncio.QueueFull:  # too slow a reader is cut off: it comes back with its last id and misses nothing
            while not self.waiting.empty():
                self.waiting.get_nowait()
            self.waiting.put_nowait(None)

    async def next(self) -> str | None:
        """The next frame, a sign of life when nothing comes for a while, or None when it must go home."""
        try:
            async with asyncio.timeout(KEEPALIVE_S):
                return await self.waiting.get()
        except TimeoutError:
            return ": still here\n\n"


class Hub:
    """One tail of the log per process, shared by its browsers. While there are none it is at rest and costs nothing."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._listeners: set[Listener] = set()
        self._followers = 0
        """Browsers that are here or on their way in."""
        self._awaited = asyncio.Event()
        self.cursor = Cursor(0, 0)
        self.ready = asyncio.Event()
        """Whether `cursor` is where the tail is; not while at rest."""
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Tail for ever; after a lost connection, go on where the tail was."""
        pause = 0.2
        while not self._stopping.is_set():
            try:
                await self._tail()
                pause = 0.2
            except psycopg.OperationalError:
                log.warning("live.database_away", retry_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)

    def stop(self) -> None:
        """Send every browser home, so that the process can end."""
        self._stopping.set()
        self._awaited.set()
        for listener in list(self._listeners):
            with contextlib.suppress(asyncio.QueueFull):
                listener.waiting.put_nowait(None)

    async def _tail(self) -> None:
        reading = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        listening = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with reading, listening:
            while not self._stopping.is_set():
                await self._awaited.wait()
                await listening.execute(f"LISTEN {EVENT_CHANNEL}")
                await listening.execute(f"LISTEN {WHISPER_CHANNEL}")
                if not self.ready.is_set():
                    self.cursor = await newest(reading)
                    self.ready.set()
                await self._serve(reading, listening)
                self._rest()
                await listening.execute("UNLISTEN *")

    async def _serve(self, reading: psycopg.AsyncConnection[Any], listening: psycopg.AsyncConnection[Any]) -> None:
        """Push what comes, until the last browser has gone."""
        pause = 0.0
        while self._followers and not self._stopping.is_set():
            async for notice in listening.notifies(timeout=pause, stop_after=1):
                if notice.channel == WHISPER_CHANNEL:
                    self._pass_on_whisper(notice.payload)
            pause = await self._catch_up(reading)
            await asyncio.sleep(GATHER_S)

    def _rest(self) -> None:
        """Nobody is here: whoever comes next begins at the place found for them then."""
        if not self._followers and not self._stopping.is_set():
            self.ready.clear()
            self._awaited.clear()

    async def _catch_up(self, reading: psycopg.AsyncConnection[Any]) -> float:
        """Push what is new; how long to wait for the next word."""
        is_more = True
        while is_more:
            rows = await read_after(reading, self.cursor)
            for row in rows:
                self._push(row)
            if rows:
                self.cursor = Cursor(rows[-1]["xid"], rows[-1]["id"])
            is_more = len(rows) == PAGE
        held = await (await reading.execute(HELD_BACK, {"xid": str(self.cursor.xid), "id": self.cursor.id})).fetchone()
        return HELD_BACK_POLL_S if held and held[0] else POLL_S

    def _push(self, row: dict[str, Any]) -> None:
        listening = [each for each in self._listeners if each.wants(row["topics"], row["kind"])]
        frame = event_frame(row) if listening else ""
        for listener in listening:
            listener.offer(frame)

    def _pass_on_whisper(self, payload: str) -> None:
        whisper = json.loads(payload)
        frame = f"event: {whisper['kind']}\ndata: {json.dumps(whisper['data'])}\n\n"
        for listener in self._listeners:
            if listener.wants([whisper["topic"]], whisper["kind"]):
                listener.offer(frame)

    async def follow(
        self, topics: frozenset[str], after: Cursor | None, kinds: frozenset[str] = frozenset()
    ) -> AsyncIterator[str]:
        """Frames for one browser: what it missed since `after`, then what comes; of these kinds, or of all."""
        listener = Listener(topics, kinds)
        self._followers += 1
        self._awaited.set()
        try:
            await self.ready.wait()
            self._listeners.add(listener)
            start = self.cursor
            yield f"retry: 1000\nid: {after or start}\nevent: hello\ndata: {{}}\n\n"
            if after:
                async for row in self._missed(topics, after, start):
                    if listener.wants(row["topics"], row["kind"]):
                        yield event_frame(row)
            while not self._stopping.is_set():
                word = await listener.next()
                if word is None:
                    return
                yield word
        finally:
            self._followers -= 1
            self._listeners.discard(listener)

    async def _missed(self, topics: frozenset[str], after: Cursor, end: Cursor) -> AsyncIterator[dict[str, Any]]:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection, connection.cursor(row_factory=dict_row) as rows:
            while True:
                await rows.execute(
                    READ_TOPICS,
                    {
                        "xid": str(after.xid),
                        "id": after.id,
                        "topics": list(topics),
                        "end_xid": str(end.xid),
                        "end_id": end.id,
                        "page": PAGE,
                    },
                )
                page = await rows.fetchall()
                for row in page:
                    yield row
                if len(page) < PAGE:
                    return
                after = Cursor(page[-1]["xid"], page[-1]["id"])


def event_frame(row: dict[str, Any]) -> str:
    """One event as the stream's text."""
    body = {
        "id": str(Cursor(row["xid"], row["id"])),
        "kind": row["kind"],
        "at": row["at"].isoformat(),
        "customer_id": row["customer_id"] and str(row["customer_id"]),
        "interaction_id": row["interaction_id"] and str(row["interaction_id"]),
        "actor": row["actor"],
        "topics": row["topics"],
        "data": row["data"],
    }
    return f"id: {body['id']}\nevent: {row['kind']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"


class TopicRefused(Exception):
    """A topic that does not exist or that this person may not follow; the message says which."""


def allowed_topics(asked: str, user_id: int, is_supervisor: bool) -> frozenset[str]:
    """Check `user:7,customer:<uuid>,…` for this person. Raises TopicRefused."""
    topics = frozenset(part.strip() for part in asked.split(",") if part.strip())
    if not topics or len(topics) > MAX_TOPICS:
        raise TopicRefused(f"name 1 to {MAX_TOPICS} topics")
    for topic in topics:
        if not _may_follow(topic, user_id, is_supervisor):
            raise TopicRefused(f"you may not follow {topic[:80]!r}")
    return topics


def asked_kinds(asked: str) -> frozenset[str]:
    """Check `offer.made,presence.changed,…`: a floor hears of much that its page does not draw. Raises TopicRefused."""
    kinds = frozenset(part for part in asked.split(",") if part)
    if len(kinds) > MAX_KINDS or any(not re.fullmatch(r"[a-z_]{1,40}\.[a-z_]{1,40}", kind) for kind in kinds):
        raise TopicRefused(f"name at most {MAX_KINDS} kinds, such as offer.made")
    return kinds


def _may_follow(topic: str, user_id: int, is_supervisor: bool) -> bool:
    kind, _, name = topic.partition(":")
    if kind in ("customer", "interaction"):
        try:
            return str(uuid.UUID(name)) == name
        except ValueError:
            return False
    if kind == "user":
        return name == str(user_id) or (is_supervisor and name.isdigit())
    return is_supervisor and (topic == "floor" or (kind == "queue" and name.isdigit()))


async def live(request: Request) -> Response:
    """The endpoint. 401 signed out, 403 a topic one may not follow or too many, 400 a wrong resume id."""
    who = await request.app.state.sign_in(request)
    if who is None:
        return _refusal(401, "Sign in first.")
    try:
        topics = allowed_topics(request.query_params.get("topics", f"user:{who.id}"), who.id, who.is_supervisor)
        kinds = asked_kinds(request.query_params.get("kinds", ""))
    except TopicRefused as refusal:
        return _refusal(403, str(refusal))
    last = request.headers.get("Last-Event-ID") or request.query_params.get("after")
    try:
        after = Cursor.parse(last) if last else None
    except ValueError as wrong:
        return _refusal(400, str(wrong))
    hub: Hub = request.app.state.hub
    return StreamingResponse(
        hub.follow(topics, after, kinds),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _refusal(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": "refused", "message": message}}, status)
