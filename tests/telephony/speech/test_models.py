"""A Vosk model is fetched once, whole and checked, or not at all."""

import contextlib
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from telephony.speech import models
from telephony.speech.choice import prepare, settle
from telephony.speech.errors import SpeechError
from telephony.speech.models import KnownModel, fetch
from telephony.speech.settings import SpeechSettings

NAME = "vosk-model-small-es-0.42"


def packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


GOOD = packed({f"{NAME}/am/final.mdl": b"model" * 1000, f"{NAME}/conf/mfcc.conf": b"--x=1\n", f"{NAME}/README": b"hi"})


class Shop(ThreadingHTTPServer):
    """A server of one file, that counts how often it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counter)
        self.body, self.promised, self.asked = GOOD, 0, 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/"


class Counter(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200 if self.path == f"/models/{NAME}.zip" else 404)
        self.send_header("Content-Length", str(self.server.promised or len(self.server.body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who hangs up on too much is right
            self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        threading.Thread(target=shop.serve_forever, args=(0.01,), daemon=True).start()
        yield shop
        shop.shutdown()


def wanted(body: bytes, size: int | None = None) -> KnownModel:
    return KnownModel(NAME, size or len(body), hashlib.sha256(body).hexdigest())


def from_shop(shop: Shop, folder: Path) -> SpeechSettings:
    return SpeechSettings(cache_dir=folder, models_url=shop.address, languages=("es",))


def nothing_is_left(folder: Path) -> bool:
    return {path.suffix for path in (folder / "models").iterdir()} <= {".lock", ".failed"}


def test_the_right_file_becomes_a_model_folder_and_is_fetched_once(shop: Shop, tmp_path: Path) -> None:
    settings, steps = from_shop(shop, tmp_path), []
    folder = fetch(wanted(GOOD), settings, lambda done, size: steps.append((done, size)))
    assert (folder / "am" / "final.mdl").read_bytes() == b"model" * 1000
    assert steps[-1] == (len(GOOD), len(GOOD))
    assert fetch(wanted(GOOD), settings) == folder
    assert shop.asked == 1
    assert settle(settings)["es"].engine == "vosk"


def test_two_at_once_fetch_it_once(shop: Shop, tmp_path: Path) -> None:
    settings = from_shop(shop, tmp_path)
    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(lambda _: fetch(wanted(GOOD), settings), range(4)))
    assert len(folders) == 1
    assert shop.asked == 1


def test_another_file_under_the_name_is_refused(shop: Shop, tmp_path: Path) -> None:
    shop.body = packed({f"{NAME}/am/final.mdl": b"nodel" * 1000, f"{NAME}/conf/mfcc.conf": b"--x=1\n"})
    shop.body += bytes(len(GOOD) - len(shop.body))
    with pytest.raises(SpeechError, match="SHA-256"):
        fetch(wanted(GOOD), from_shop(shop, tmp_path))
    assert nothing_is_left(tmp_path)


def test_a_download_cut_off_is_refused(shop: Shop, tmp_path: Path) -> None:
    shop.body, shop.promised = GOOD[:200], 0
    with pytest.raises(SpeechError, match=f"ended after 200 of {len(GOOD)}"):
        fetch(wanted(GOOD), from_shop(shop, tmp_path))
    shop.promised = len(GOOD)  # and the same when the connection breaks
    with pytest.raises(SpeechError, match="could not be read"):
        fetch(wanted(GOOD), from_shop(shop, tmp_path))
    assert nothing_is_left(tmp_path)


def test_a_download_that_goes_on_and_on_is_cut_off(shop: Shop, tmp_path: Path) -> None:
    shop.body = GOOD + bytes(5_000_000)
    with pytest.raises(SpeechError, match="larger than"):
        fetch(wanted(GOOD), from_shop(shop, tmp_path))
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../../evil": b"x"}, "outside its folder"),
        ({"/etc/evil": b"x"}, "outside its folder"),
        ({f"{NAME}-2/am/final.mdl": b"x"}, "outside its folder"),
        ({f"{NAME}/../evil": b"x"}, "outside its folder"),
        ({f"{NAME}/bomb": bytes(20_000_000)}, "unpacks to more"),
        ({f"{NAME}/{n}": b"" for n in range(1001)}, "unpacks to more"),
        ({f"{NAME}/README": b"no model"}, "holds no Vosk model"),
    ],
)
def test_an_archive_with_bad_contents_is_refused(
    shop: Shop, tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    shop.body = packed(files)
    with pytest.raises(SpeechError, match=reason):
        fetch(wanted(shop.body), from_shop(shop, tmp_path / "cache"))
    assert nothing_is_left(tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_link_in_the_archive_is_refused(shop: Shop, tmp_path: Path) -> None:
    link = zipfile.ZipInfo(f"{NAME}/am")
    link.external_attr = 0o120777 << 16
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(link, "/etc")
    shop.body = body.getvalue()
    with pytest.raises(SpeechError, match="outside its folder"):
        fetch(wanted(shop.body), from_shop(shop, tmp_path))


def test_something_that_is_no_archive_is_refused(shop: Shop, tmp_path: Path) -> None:
    shop.body = b"<html>moved</html>"
    with pytest.raises(SpeechError, match="is broken"):
        fetch(wanted(shop.body), from_shop(shop, tmp_path))


def test_what_a_killed_fetch_left_is_removed_and_half_a_model_replaced(shop: Shop, tmp_path: Path) -> None:
    left = tmp_path / "models" / f".fetch-{NAME}-abc"
    left.mkdir(parents=True)
    (tmp_path / "models" / NAME / "am").mkdir(parents=True)
    assert (fetch(wanted(GOOD), from_shop(shop, tmp_path)) / "conf" / "mfcc.conf").exists()
    assert not left.exists()


def test_without_a_network_the_reason_is_said_at_start_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "KNOWN_MODELS", {"es": wanted(GOOD)})
    settings = SpeechSettings(cache_dir=tmp_path, models_url="http://127.0.0.1:9/models/", languages=("en", "es"))
    said: list[str] = []
    choices = prepare(settings, said.append)
    assert said[0].startswith(f"Fetching {NAME}")
    assert said[1].startswith("Going on without it: http://127.0.0.1:9/models/")
    assert choices["en"].engine == "whisper"
    assert choices["es"].engine == "none"
    assert "the last fetch" in settle(settings)["es"].why
    said.clear()
    prepare(settings, said.append, not_failed_for_h=24)
    assert said == [], "the next start does not try again"
    prepare(settings, said.append)
    assert said, "a person who asks does"


def test_a_missing_model_is_fetched_at_start_with_progress(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "KNOWN_MODELS", {"es": wanted(GOOD)})
    said: list[str] = []
    assert prepare(from_shop(shop, tmp_path), said.append)["es"].engine == "vosk"
    assert "  100 %" in said
    assert said[-1] == f"{NAME} is ready."


def test_a_server_that_says_no_is_quoted(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="answered 404"):
        fetch(KnownModel("vosk-model-small-xx-1", 10, ""), from_shop(shop, tmp_path))


def test_nothing_is_fetched_when_the_setting_says_never(shop: Shop, tmp_path: Path) -> None:
    settings = SpeechSettings(cache_dir=tmp_path, models_url=shop.address, languages=("es",), fetch="never")
    choices = prepare(settings, lambda line: None)
    assert shop.asked == 0
    assert "SPEECH_FETCH is never" in choices["es"].sentence
