"""The wire between a browser's phone and the carrier: real sockets on both sides."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.accounts.models import User
from app.config import Settings
from telephony.carrier import Carrier
from telephony.phone_socket import is_own_origin, phone_socket
from telephony.tokens import PhoneTokens, SoftphoneTokens
from tests.telephony.local_carrier.running import RunningCarrier

FRAME = bytes(range(160))


@pytest.fixture
def plain_settings(tmp_path) -> Settings:
    return Settings.from_env({"VAR_DIR": str(tmp_path), "PUBLIC_BASE_URL": "http://calls.example.com"})


class EchoCarrier:
    """Stands at the far end: sends every frame back; the word `hang up` closes with 4001."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.left = asyncio.Event()

    async def phone(self, socket: ServerConnection) -> None:
        url = urlsplit(socket.request.path)
        assert url.path == "/phone"
        self.tokens.append(parse_qs(url.query)["token"][0])
        async for frame in socket:
            if frame == "hang up":
                await socket.close(4001, "told so")
            else:
                await socket.send(frame)
        self.left.set()


@contextlib.asynccontextmanager
async def web(settings: Settings, gone: asyncio.Queue[int] | None = None) -> AsyncIterator[str]:
    app = Starlette(routes=[WebSocketRoute("/phone/socket", phone_socket)])
    app.state.settings = settings
    if gone is not None:
        app.state.phone_lines, app.state.phone_gone = Counter(), gone.put
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    yield f"{host}:{port}"
    server.should_exit = True
    await running


@pytest.fixture
async def carrier(plain_settings: Settings) -> AsyncIterator[tuple[EchoCarrier, Settings]]:
    echo = EchoCarrier()
    async with serve(echo.phone, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield echo, dataclasses.replace(plain_settings, twilio_api_base=f"http://127.0.0.1:{port}")


def phone_at(address: str, token: str = "t.o.k", origin: str | None = None):
    return connect(f"ws://{address}/phone/socket?token={token}", origin=origin or f"http://{address}", compression=None)


async def closing_of(socket) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(socket.recv(), 5)
    return closed.value.rcvd.code, closed.value.rcvd.reason


class TestTheRealCarrier:
    """The same wire, with the carrier of this project at its end."""

    @pytest.fixture(scope="class")
    def running(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCarrier]:
        carrier = RunningCarrier(tmp_path_factory.mktemp("carrier")).start()
        yield carrier
        carrier.stop()

    @pytest.fixture
    def house(self, plain_settings: Settings, running: RunningCarrier) -> Settings:
        return dataclasses.replace(
            plain_settings,
            twilio_api_base=running.url,
            twilio_account_sid=running.account_sid,
            twilio_auth_token=running.auth_token,
            twilio_api_key_sid=running.api_key_sid,
            twilio_api_key_secret=running.api_key_secret,
        )

    async def test_a_page_with_our_token_is_rung_and_hears_the_call(self, house: Settings, running) -> None:
        number = "+15551230042"
        token = PhoneTokens(Carrier(house)).token_for(number)["token"]
        async with web(house) as address, phone_at(address, token) as phone:
            assert json.loads(await asyncio.wait_for(phone.recv(), 10)) == {"event": "registered", "address": number}
            our_number = "+15550100142"
            client = running.client()
            await asyncio.to_thread(client.incoming_phone_numbers.create, phone_number=our_number)
            await asyncio.to_thread(
                client.calls.create, to=number, from_=our_number, twiml="<Response><Pause length='30'/></Response>"
            )
            ringing = json.loads(await asyncio.wait_for(phone.recv(), 10))
            assert (ringing["event"], ringing["from"]) == ("incoming", our_number)
            await phone.send(json.dumps({"event": "answer", "callSid": ringing["callSid"]}))
            heard = [frame for _ in range(60) if isinstance(frame := await asyncio.wait_for(phone.recv(), 10), bytes)]
            assert len(heard) > 40 and {len(frame) for frame in heard} == {160}

    async def test_an_agents_token_registers_the_agents_softphone(self, house: Settings) -> None:
        token = SoftphoneTokens(house, Carrier(house)).token_for(User(id=7))["token"]
        async with web(house) as address, phone_at(address, token) as phone:
            registered = json.loads(await asyncio.wait_for(phone.recv(), 10))
            assert registered == {"event": "registered", "address": "client:agent_7"}

    async def test_a_token_of_another_house_is_refused_for_good(self, house: Settings) -> None:
        other = dataclasses.replace(house, twilio_api_key_secret="another secret, also long enough for HS256")
        token = PhoneTokens(Carrier(other)).token_for("+15551230042")["token"]
        async with web(house) as address, phone_at(address, token) as phone:
            code, reason = await closing_of(phone)
            assert code == 1008 and "signature" in reason


async def test_words_and_audio_pass_both_ways_unchanged_and_in_order(carrier) -> None:
    echo, settings = carrier
    async with web(settings) as address, phone_at(address, "a.b-c_d") as phone:
        for frame in ['{"event":"ping"}', FRAME, FRAME[::-1], "ü你好"]:
            await phone.send(frame)
        back = [await asyncio.wait_for(phone.recv(), 5) for _ in range(4)]
    assert back == ['{"event":"ping"}', FRAME, FRAME[::-1], "ü你好"]
    assert echo.tokens == ["a.b-c_d"]


async def test_the_carrier_learns_at_once_that_the_browser_is_gone(carrier) -> None:
    echo, settings = carrier
    async with web(settings) as address:
        async with phone_at(address) as phone:
            await phone.send("hello")
            await phone.recv()
        await asyncio.wait_for(echo.left.wait(), 5)


async def test_the_carriers_own_close_code_and_reason_reach_the_browser(carrier) -> None:
    _, settings = carrier
    async with web(settings) as address, phone_at(address) as phone:
        await phone.send("hang up")
        assert await closing_of(phone) == (4001, "told so")


async def test_a_page_of_another_origin_is_refused_before_anything_is_opened(carrier) -> None:
    echo, settings = carrier
    async with web(settings) as address:
        with pytest.raises(InvalidStatus) as refused:
            await phone_at(address, origin="https://evil.example").__aenter__()
        assert refused.value.response.status_code == 403
    assert echo.tokens == []


@pytest.mark.parametrize("token", ["", "x" * 4097], ids=["none", "far too long"])
async def test_without_a_usable_token_the_carrier_is_not_asked(carrier, token: str) -> None:
    echo, settings = carrier
    async with web(settings) as address, phone_at(address, token) as phone:
        assert (await closing_of(phone))[0] == 1008
    assert echo.tokens == []


@pytest.mark.parametrize("frame", ["x" * (256 * 1024 + 1), b"x" * 1025], ids=["text", "audio"])
async def test_a_frame_too_long_for_a_phone_ends_the_line(carrier, frame) -> None:
    _, settings = carrier
    async with web(settings) as address, phone_at(address) as phone:
        await phone.send(frame)
        assert (await closing_of(phone))[0] == 1009


async def test_a_carrier_that_is_away_is_said_so_and_may_be_tried_again(plain_settings) -> None:
    away = dataclasses.replace(plain_settings, twilio_api_base="http://127.0.0.1:9")
    async with web(away) as address, phone_at(address) as phone:
        assert (await closing_of(phone))[0] == 1013


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://calls.example.com", "web:8000", True),
        ("http://calls.example.com", "web:8000", False),
        ("https://calls.example.com.evil.example", "web:8000", False),
        ("https://evil.example", "calls.example.com", False),
        ("null", "null", False),
        ("file://", "", False),
        (None, "calls.example.com", False),
        ("", "calls.example.com", False),
    ],
)
def test_only_our_own_pages_may_open_the_wire(origin, host, ours) -> None:
    assert is_own_origin(origin, host, "https://calls.example.com") is ours


class TestThePhoneThatGoes:
    """When an agent's last line ends, the house is told; an outside telephone is nobody's."""

    @pytest.fixture
    def settings(self, carrier) -> Settings:
        keys = {"twilio_api_key_sid": "SK" + "0" * 32, "twilio_account_sid": "AC" + "0" * 32}
        secret = "a secret that is long enough for HS256"
        return dataclasses.replace(carrier[1], twilio_api_key_secret=secret, **keys)

    def of_ana(self, settings: Settings) -> str:
        return str(SoftphoneTokens(settings, Carrier(settings)).token_for(User(id=7))["token"])

    @contextlib.asynccontextmanager
    async def listening(self, settings: Settings) -> AsyncIterator[tuple[str, asyncio.Queue[int]]]:
        gone: asyncio.Queue[int] = asyncio.Queue()
        async with web(settings, gone) as address:
            yield address, gone

    async def test_the_end_of_the_last_line_is_told_once(self, settings: Settings) -> None:
        token = self.of_ana(settings)
        async with self.listening(settings) as (address, gone):
            first = await phone_at(address, token)
            second = await phone_at(address, token)
            for phone in (first, second):
                await phone.send("hello")
                await phone.recv()
            await first.close()
            await second.send("still there")
            assert await asyncio.wait_for(second.recv(), 5) == "still there"
            assert gone.empty(), "the page was loaded again: its new line is there already"
            await second.close()
            assert await asyncio.wait_for(gone.get(), 5) == 7

    async def test_an_outside_telephone_or_a_strangers_token_is_no_agents(self, settings: Settings) -> None:
        other = dataclasses.replace(settings, twilio_api_key_secret="another secret, also long enough for HS256")
        outside = PhoneTokens(Carrier(settings)).token_for("+15551230042")["token"]
        async with self.listening(settings) as (address, gone):
            for token in (outside, self.of_ana(other), "t.o.k"):
                async with phone_at(address, token) as phone:
                    await phone.send("hello")
                    await phone.recv()
            async with phone_at(address, self.of_ana(settings)) as phone:
                await phone.send("hello")
                await phone.recv()
            assert await asyncio.wait_for(gone.get(), 5) == 7
            assert gone.empty()
