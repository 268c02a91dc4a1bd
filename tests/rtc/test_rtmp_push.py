"""RTMP push against a server of the test's own; ``tests/e2e/test_rtmp.py`` has nginx."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.clock import Epoch
from app.rtc.broadcast import SUBSCRIPTION_PICTURES, SUBSCRIPTION_VOICE, PictureBroadcast, VoiceBroadcast
from app.rtc.checked_connect import output_reach
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.push import PushFailed
from app.rtc.rtmp import amf
from app.rtc.rtmp.chunks import FIRST_CHUNK_BYTES, LONGEST_MESSAGE, Kind, Message, write
from app.rtc.rtmp.flv import AAC_HEADER, aac_frame
from app.rtc.rtmp.link import WAITING_BYTES
from app.rtc.rtmp.publisher import RtmpTarget
from app.rtc.rtmp_push import RtmpPush, picture_ms, sound_ms
from app.rtc.senders import Media
from app.rtc.subscription import Encoded, Subscription
from tests.certificates import make_certificate
from tests.fakes import FakeClock, InlinePool
from tests.rtc.rtmp.station import Manners, Station

SPS, PPS = b"\x67\x42\xc0\x1f\xaa", b"\x68\xce"
CODE = b"\x00\x00\x00\x01"
KEY_PICTURE = CODE + SPS + CODE + PPS + CODE + b"\x65key"
INTER_PICTURE = CODE + b"\x41inter"
SIZE = (640, 480)


HERE = output_reach(private=True)


class Stage:
    """A session's broadcasts, fed by hand."""

    def __init__(self) -> None:
        clock, feed = FakeClock(), PlayoutFeed(2)
        self.pictures = PictureBroadcast(feed, clock, InlinePool(), 0, 1_000_000, Effort.USUAL)
        self.voice = VoiceBroadcast(feed, clock)
        self.media = Media(self.voice, self.pictures, Epoch())

    def show(self, slot: int, data: bytes | None = None, key: bool | None = None) -> None:
        """Hand a coded picture to whoever takes H.264."""
        channel = self.pictures._channels["H264"]
        key = channel._key_wanted if key is None else key
        if key:
            channel._key_wanted = False
        for each in channel.subscriptions:
            each.put(Encoded(slot * 3600, data or (KEY_PICTURE if key else INTER_PICTURE), key))

    def sound(self, pts: int, data: bytes = b"aac") -> None:
        """Hand coded sound to whoever takes AAC."""
        for each in self.sounds:
            each.put(Encoded(pts, data, True))

    @property
    def sounds(self) -> list[Subscription]:
        channel = self.voice._channels.get("aac")
        return [each for each in channel.subscriptions if isinstance(each, Subscription)] if channel else []

    @property
    def is_taken(self) -> bool:
        return bool(self.pictures._channels or self.voice._channels)


@asynccontextmanager
async def pushing(stage: Stage, station: Station) -> AsyncIterator[asyncio.Task[None]]:
    """Push until the server takes the stream; the task is cancelled in the end."""
    live = asyncio.Event()
    task = asyncio.create_task(RtmpPush(stage.media, SIZE, station.target, HERE).run(live.set))
    waiting = asyncio.create_task(live.wait())
    await asyncio.wait({task, waiting}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    while not (stage.pictures._channels and stage.voice._channels):
        await asyncio.sleep(0)
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError, PushFailed):
        await task


async def refused(station: Station) -> PushFailed:
    stage = Stage()
    with pytest.raises(PushFailed) as failed:
        async with asyncio.timeout(10):
            await RtmpPush(stage.media, SIZE, station.target, HERE).run(lambda: None)
    assert not stage.is_taken
    return failed.value


async def test_the_server_is_asked_in_order_and_told_goodbye() -> None:
    stage = Stage()
    async with Station() as station:
        async with pushing(stage, station):
            stage.show(0)
            await station.has(1, Kind.VIDEO)
        async with asyncio.timeout(10):
            await station.hung_up.wait()
        names = [command[0] for command in station.commands]
        asked = ["connect", "releaseStream", "FCPublish", "createStream", "publish"]
        assert names == [*asked, "FCUnpublish", "deleteStream"]
        assert station.commands[0][2] == {
            "app": "live",
            "type": "nonprivate",
            "flashVer": "FMLE/3.0 (compatible; Lipwire)",
            "tcUrl": station.target.address,
        }
        assert station.commands[4][3:] == ["key", "live"]
        (about,) = station.of(Kind.DATA)
        name, event, values = amf.decode(about.payload)
        assert (name, event) == ("@setDataFrame", "onMetaData")
        assert isinstance(values, dict) and (values["width"], values["height"], values["framerate"]) == (640, 480, 25)
    assert not stage.is_taken


async def test_times_count_from_the_first_picture_and_sound_before_it_is_left_out() -> None:
    stage = Stage()
    first = 1000
    async with Station() as station, pushing(stage, station):
        stage.sound(first * 1920 - 1500)
        stage.sound(first * 1920 + 548)
        stage.show(first)
        stage.show(first + 1)
        stage.sound(first * 1920 + 548 + 1024)
        video, audio = await station.has(3, Kind.VIDEO), await station.has(3, Kind.AUDIO)
    assert [(each.time_ms, each.payload[:2]) for each in video] == [
        (0, b"\x17\x00"),
        (0, b"\x17\x01"),
        (40, b"\x27\x01"),
    ]
    assert [(each.time_ms, each.payload) for each in audio] == [
        (0, AAC_HEADER),
        (11, aac_frame(b"aac")),
        (33, aac_frame(b"aac")),
    ]


def test_times_in_ms_are_exact_however_long_it_lasts() -> None:
    hours = 100 * 3600
    assert picture_ms(hours * 90_000 + 3600) == hours * 1000 + 40
    assert [sound_ms(hours * 48_000 + n * 1024) - hours * 1000 for n in range(4)] == [0, 21, 43, 64]


async def test_a_key_picture_is_asked_for_every_two_seconds() -> None:
    stage = Stage()
    async with Station() as station, pushing(stage, station):
        for slot in range(210):
            stage.show(slot)
            await station.has(slot + 2, Kind.VIDEO)
            await asyncio.sleep(0)
    keys = [each.time_ms for each in station.of(Kind.VIDEO) if each.payload[:2] == b"\x17\x01"]
    assert keys == [0, 2040, 4080, 6120, 8160]


@pytest.mark.parametrize(
    ("manners", "code", "is_final"),
    [
        (Manners(version=6), "bad_answer", True),
        (Manners(connects=False), "refused", True),
        (Manners(makes=None), "bad_answer", True),
        (Manners(makes="one"), "bad_answer", True),
        (Manners(publishes={"level": "error", "code": "NetStream.Publish.Denied"}), "refused", True),
        (Manners(publishes={"level": "error", "code": "NetStream.Publish.BadName"}), "name_taken", False),
        (Manners(says=[Message(Kind.COMMAND, b"\xff")]), "bad_answer", True),
        (Manners(says=[Message(Kind.COMMAND, amf.encode("close", 0, None))]), "connection_lost", False),
    ],
)
async def test_a_server_that_says_no_is_understood(manners: Manners, code: str, is_final: bool) -> None:
    async with Station(manners) as station:
        failed = await refused(station)
    assert (failed.code, failed.refused) == (code, is_final)
    assert failed.message.endswith(".")


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with Station() as station:
        target = station.target
    with pytest.raises(PushFailed) as failed:
        await RtmpPush(Stage().media, SIZE, target, HERE).run(lambda: None)
    assert failed.value.code == "unreachable" and not failed.value.refused


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300])
async def test_a_name_that_does_not_resolve_is_unreachable(host: str) -> None:
    with pytest.raises(PushFailed) as failed:
        await RtmpPush(Stage().media, SIZE, RtmpTarget(host, 1, False, "a", "b"), HERE).run(lambda: None)
    assert failed.value.code == "unreachable"


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.rtc.rtmp.publisher.TAKE_S", 0.1)
    async with await asyncio.start_server(lambda reader, writer: asyncio.sleep(5), "127.0.0.1", 0) as silent:
        target = RtmpTarget("127.0.0.1", silent.sockets[0].getsockname()[1], False, "live", "key")
        with pytest.raises(PushFailed) as failed:
            await RtmpPush(Stage().media, SIZE, target, HERE).run(lambda: None)
    assert failed.value.code == "unreachable"


async def test_a_lost_connection_ends_the_push() -> None:
    stage = Stage()
    async with Station() as station, pushing(stage, station) as task:
        station.hang_up()
        async with asyncio.timeout(10):
            with pytest.raises(PushFailed) as failed:
                await task
    assert failed.value.code == "connection_lost" and not stage.is_taken


async def test_pings_are_answered_and_what_was_read_is_acknowledged() -> None:
    stage = Stage()
    ping = Message(Kind.USER_CONTROL, struct.pack(">HI", 6, 77))
    async with Station() as station, pushing(stage, station):
        station.say(ping, Message(Kind.PEER_BANDWIDTH, struct.pack(">IB", 1000, 2)))
        pongs = await station.has(1, Kind.USER_CONTROL)
        await station.has(1, Kind.WINDOW_SIZE)
        await station.has(1, Kind.ACKNOWLEDGEMENT)
    assert pongs[0].payload == struct.pack(">HI", 7, 77)


async def test_a_server_that_takes_nothing_hurts_only_itself_and_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it stays within its bounds, and whoever else takes the same pictures misses none."""
    monkeypatch.setattr("app.rtc.rtmp.link.STALLED_S", 1.0)
    stage = Stage()
    big, waiting = b"x" * 20_000, 0
    other = stage.pictures.subscribe("H264")
    async with Station(Manners(reads=False)) as station, pushing(stage, station) as task:
        subscription = stage.pictures._channels["H264"].subscriptions[1]
        assert isinstance(subscription, Subscription)
        writer = _writer_of(task)
        slot = 0
        async with asyncio.timeout(20):
            while not task.done():
                stage.show(slot, (KEY_PICTURE if slot == 0 else INTER_PICTURE) + big, key=slot % 25 == 0)
                stage.sound(slot * 1920)
                slot += 1
                await asyncio.sleep(0)
                assert (await other.next()).pts == (slot - 1) * 3600
                waiting = max(waiting, writer.transport.get_write_buffer_size())
                assert len(subscription) <= SUBSCRIPTION_PICTURES
                assert all(len(each) <= SUBSCRIPTION_VOICE for each in stage.sounds)
            with pytest.raises(PushFailed) as failed:
                await task
    assert slot > 1000, "it was flooded"
    assert failed.value.code == "connection_lost" and "nothing for" in failed.value.message
    assert WAITING_BYTES < waiting < WAITING_BYTES + 2 * (len(big) + 100)
    assert other.dropped == 0 and stage.pictures.dropped > 500


async def test_a_server_that_asks_and_asks_without_reading_is_not_answered_for_ever() -> None:
    stage = Stage()
    ping = write(Message(Kind.USER_CONTROL, struct.pack(">HI", 6, 77)), 3, FIRST_CHUNK_BYTES)
    async with Station(Manners(reads=False)) as station, pushing(stage, station) as task:
        writer = _writer_of(task)
        flood = station._writers[-1]
        for _ in range(1000):
            flood.write(ping * 500)
            await flood.drain()
            assert writer.transport.get_write_buffer_size() < WAITING_BYTES + 100


async def test_a_message_that_is_too_long_is_not_read() -> None:
    stage = Stage()
    async with Station() as station, pushing(stage, station) as task:
        station.say(Message(Kind.COMMAND, bytes(LONGEST_MESSAGE + 1)))
        async with asyncio.timeout(10):
            with pytest.raises(PushFailed) as failed:
                await task
    assert failed.value.code == "bad_answer"


def _writer_of(task: asyncio.Task[None]) -> asyncio.StreamWriter:
    frame = task.get_coro().cr_frame  # type: ignore[union-attr]
    writer: asyncio.StreamWriter = frame.f_locals["publisher"]._link._writer
    return writer


async def test_over_tls_the_certificate_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, stage = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Stage()
    mine, key = make_certificate(tmp_path, "127.0.0.1")
    context.load_cert_chain(mine, key)
    async with Station(tls=context) as station:
        failed = await refused(station)
        assert failed.code == "unreachable" and "certificate" in failed.message.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(mine))
        async with pushing(stage, station):
            stage.show(0)
            await station.has(2, Kind.VIDEO)
        assert station.commands[0][2]["tcUrl"].startswith("rtmps://127.0.0.1:")  # type: ignore[call-overload,index,union-attr]
