"""The simulated camera's miio server, over real datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st
import pytest

from simulator.camera.miio import MiioServer
from simulator.camera.miio_packet import (
    PORT,
    PacketError,
    TokenCipher,
    hello_reply,
    is_hello,
    read_header,
)
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
DID = 123456789
HELLO = bytes.fromhex("21310020") + b"\xff" * 28
ADDRESS = "127.0.41.1"
QUIET = 0.15
"""Seconds without an answer that count as silence."""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client(asyncio.DatagramProtocol):
    """Sends datagrams to one camera and keeps what comes back."""

    def __init__(self, cipher: TokenCipher) -> None:
        self.cipher = cipher
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.put_nowait(data)

    async def ask(self, data: bytes, timeout: float = 2.0) -> bytes:
        self.transport.sendto(data, (ADDRESS, PORT))
        async with asyncio.timeout(timeout):
            return await self.received.get()

    async def silence(self, data: bytes) -> None:
        """Check that nothing comes back."""
        with pytest.raises(TimeoutError):
            await self.ask(data, QUIET)

    async def hello(self) -> int:
        """Stamp of the camera."""
        return read_header(await self.ask(HELLO)).stamp

    def sealed(self, request: object, stamp: int, *, did: int = DID) -> bytes:
        return self.cipher.seal(did, stamp, json.dumps(request).encode())

    async def raw(self, request: object, stamp: int | None = None) -> Any:
        """Whole reply to a request."""
        if stamp is None:
            stamp = await self.hello()
        return json.loads(self.cipher.open(await self.ask(self.sealed(request, stamp))))

    async def call(self, method: str, params: object = (), request_id: int | None = None) -> Any:
        """Result of a method, or the error as (code, message)."""
        self.last_id = request_id if request_id is not None else getattr(self, "last_id", 0) + 1
        reply = await self.raw({"id": self.last_id, "method": method, "params": params})
        assert reply.pop("id") == self.last_id
        if "error" in reply:
            return reply["error"]["code"], reply["error"]["message"]
        return reply["result"]


def spec(model: str = "chuangmi.camera.ipc019", **more: Any) -> CameraSpec:
    return CameraSpec(
        did=DID,
        model=model,
        name="Kitchen",
        scene="kitchen",
        address=ADDRESS,
        mac="50:ec:50:00:00:01",
        token=TOKEN,
        **more,
    )


@contextlib.asynccontextmanager
async def running(
    camera: CameraSpec,
    *,
    clock: Callable[[], float] | None = None,
    token: bytes = TOKEN,
    on_reboot: Callable[[], None] | None = None,
) -> AsyncGenerator[tuple[MiioServer, CameraState, Client]]:
    state = CameraState(camera)
    more = {} if clock is None else {"clock": clock}
    server = MiioServer(camera, state, on_reboot=on_reboot, **more)
    await server.start()
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(
        lambda: Client(TokenCipher(token)), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, state, client
    finally:
        transport.abort()
        await server.stop()
        await asyncio.sleep(0)


# --- the datagram ---


def test_known_vector() -> None:
    sealed = TokenCipher(TOKEN).seal(DID, 1001, b'{"id":1,"method":"get_prop","params":["power"]}')
    assert sealed.hex() == (
        "2131005000000000075bcd15000003e93f1868cc6877339a2bfa24e0b4258beea5516ec6151955dc2bb2d43e"
        "7c84c1833ad6abd2560c09de4318b095b7713e230bbed4ee40764c0304f323716693cc0a"
    )
    assert TokenCipher(TOKEN).open(sealed) == b'{"id":1,"method":"get_prop","params":["power"]}'


@given(st.binary(max_size=200).filter(lambda data: not data.endswith(b"\x00")), st.integers(0, 3))
def test_sealing_and_opening(plaintext: bytes, nuls: int) -> None:
    cipher = TokenCipher(TOKEN)
    assert cipher.open(cipher.seal(DID, 7, plaintext + bytes(nuls))) == plaintext


@given(st.integers(0, 79), st.integers(1, 255))
def test_any_changed_byte_is_noticed(position: int, change: int) -> None:
    cipher = TokenCipher(TOKEN)
    sealed = bytearray(cipher.seal(DID, 7, b'{"id":1,"method":"get_prop","params":["power"]}'))
    sealed[position] ^= change
    with pytest.raises(PacketError):
        cipher.open(bytes(sealed))


@given(st.binary(max_size=120))
def test_noise_is_no_packet(data: bytes) -> None:
    with pytest.raises(PacketError):
        TokenCipher(TOKEN).open(data)
    with pytest.raises(PacketError):
        TokenCipher(TOKEN).open(struct.pack(">HH", 0x2131, len(data) + 4) + data)


def test_secrets_stay_out_of_errors() -> None:
    cipher = TokenCipher(TOKEN)
    assert TOKEN.hex() not in repr(cipher)
    with pytest.raises(PacketError) as caught:
        cipher.open(TokenCipher(bytes(16)).seal(DID, 1, b"{}"))
    assert TOKEN.hex() not in str(caught.value)


# --- hello and stamp ---


async def test_hello_tells_did_and_stamp() -> None:
    clock = Clock()
    async with running(spec(), clock=clock) as (server, _, client):
        clock.now += 42.9
        reply = await client.ask(HELLO)
        assert reply == struct.pack(">HHIII", 0x2131, 32, 0, DID, 42) + b"\xff" * 16
        # The hello of Xiaomi's own integration carries an id of the client.
        mdid = HELLO[:16] + b"MDID" + (7).to_bytes(8, "big") + bytes(4)
        assert is_hello(mdid)
        assert await client.ask(mdid) == reply
        server.knobs.reserved = 7
        server.knobs.unprovisioned = True
        assert await client.ask(HELLO) == hello_reply(DID, 42, reserved=7, tail=bytes(16))


async def test_did_above_32_bits_is_shortened() -> None:
    camera = spec()
    camera.did = (5 << 32) + 99
    async with running(camera) as (_, _, client):
        assert read_header(await client.ask(HELLO)).device_id == 99


@pytest.mark.parametrize(("offset", "answered"), [(-60, True), (-61, False), (5, True), (6, False)])
async def test_stamp_window(offset: int, answered: bool) -> None:
    clock = Clock()
    async with running(spec(), clock=clock) as (server, _, client):
        clock.now += 500
        request = client.sealed({"id": 1, "method": "miIO.info", "params": []}, 500 + offset)
        if answered:
            assert b"chuangmi.camera.ipc019" in client.cipher.open(await client.ask(request))
        else:
            await client.silence(request)
            assert server.ignored_count == 1


async def test_reboot_restarts_the_stamp() -> None:
    clock = Clock()
    async with running(spec(), clock=clock) as (server, _, client):
        clock.now += 500
        assert await client.hello() == 500
        server.reboot()
        assert await client.hello() == 0
        await client.silence(client.sealed({"id": 1, "method": "miIO.info"}, 500))
        assert await client.call("get_prop", ["power"]) == ["on"]


async def test_restart_device_answers_and_reports() -> None:
    restarts: list[int] = []
    async with running(spec(), on_reboot=lambda: restarts.append(1)) as (_, _, client):
        assert await client.call("restart_device", []) == ["ok"]
        await asyncio.sleep(0)
        assert restarts == [1]


# --- silence ---


async def test_wrong_token_is_answered_by_silence() -> None:
    async with running(spec(), token=bytes(16)) as (server, state, client):
        stamp = await client.hello()
        await client.silence(
            client.sealed({"id": 1, "method": "set_power", "params": ["off"]}, stamp)
        )
        assert state.power
        assert state.rpc_count == 0
        assert server.ignored_count == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"!1",
        b"\x21\x31\x00\x20" + bytes(28),
        b"\x21\x32\x00\x20" + b"\xff" * 28,
        b"\x21\x31\x00\x30" + b"\xff" * 28,
        b"\x21\x31\xff\xff" + b"\x00" * 60,
        HELLO + b"\xff",
        bytes(5000),
    ],
)
async def test_rubbish_is_answered_by_silence(data: bytes) -> None:
    async with running(spec()) as (_, _, client):
        await client.silence(data)
        assert await client.call("get_prop", ["power"]) == ["on"]


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b"\xff\xfe",
        b"[" * 2000,
        b'{"method":"miIO.info"}',
        b'{"id":"1","method":"miIO.info"}',
        b'{"id":true,"method":"miIO.info"}',
        b'{"id":0,"method":"miIO.info"}',
        b'{"id":2147483648,"method":"miIO.info"}',
    ],
)
async def test_sealed_nonsense_is_answered_by_silence(plaintext: bytes) -> None:
    async with running(spec()) as (_, state, client):
        stamp = await client.hello()
        await client.silence(client.cipher.seal(DID, stamp, plaintext))
        assert state.rpc_count == 0


async def test_request_for_another_device_is_answered_by_silence() -> None:
    async with running(spec()) as (_, _, client):
        stamp = await client.hello()
        await client.silence(client.sealed({"id": 1, "method": "miIO.info"}, stamp, did=DID + 1))


# --- requests ---


async def test_replies_are_cached_by_id_for_ten_seconds() -> None:
    clock = Clock()
    async with running(spec(), clock=clock) as (_, state, client):
        assert await client.call("get_prop", ["power"], request_id=7) == ["on"]
        assert await client.call("set_power", ["off"], request_id=7) == ["on"]
        assert state.power
        assert state.rpc_count == 1
        clock.now += 9.9
        assert await client.call("get_prop", ["light"], request_id=7) == ["on"]
        assert await client.call("set_power", ["off"], request_id=8) == ["ok"]
        clock.now += 0.2
        assert await client.call("get_prop", ["power"], request_id=7) == ["off"]


async def test_cache_of_replies_is_bounded() -> None:
    async with running(spec()) as (server, _, client):
        stamp = await client.hello()
        for request_id in range(1, 300):
            await client.ask(client.sealed({"id": request_id, "method": "miIO.info"}, stamp))
        assert len(server._cache) <= 128


async def test_info() -> None:
    async with running(spec("isa.camera.hlc7")) as (_, _, client):
        info = await client.call("miIO.info")
        assert info["model"] == "isa.camera.hlc7"
        assert info["mac"] == "50:EC:50:00:00:01"
        assert info["netif"]["localIp"] == ADDRESS
        assert TOKEN.hex() not in json.dumps(info)


async def test_properties_come_as_strings_in_order() -> None:
    async with running(spec()) as (_, state, client):
        state.properties["flip"] = True
        names = ["max_client", "flip", "no_such", "night_mode", "motion_record", "power"]
        assert await client.call("get_prop", names) == ["2", "on", "", "0", "on", "on"]
        assert (await client.call("get_prop", "power"))[0] == -32602
        assert (await client.call("get_prop", [1]))[0] == -32602


@pytest.mark.parametrize(
    ("method", "params", "name", "value"),
    [
        ("set_power", ["off"], "power", False),
        ("set_light", ["off"], "light", False),
        ("set_full_color", ["on"], "full_color", True),
        ("set_flip", ["on"], "flip", True),
        ("set_improve_program", ["on"], "improve_program", True),
        ("set_watermark", ["off"], "watermark", False),
        ("set_wdr", ["on"], "wdr", True),
        ("set_track", ["on"], "track", True),
        ("set_motion_record", ["stop"], "motion_record", "stop"),
        ("set_night_mode", [2], "night_mode", 2),
    ],
)
async def test_setting(method: str, params: list[Any], name: str, value: object) -> None:
    async with running(spec()) as (_, state, client):
        assert state.properties[name] != value
        assert await client.call(method, params) == ["ok"]
        assert state.properties[name] == value
        for wrong in ([], ["maybe"], [7], {"on": 1}, None, [[]], ["on", "on"]):
            assert (await client.call(method, wrong))[0] == -32602
        assert state.properties[name] == value


async def test_motor_and_its_end_stop() -> None:
    async with running(spec()) as (_, state, client):
        reply = await client.raw({"id": 9, "method": "set_motor", "params": {"operation": 1}})
        assert reply == {
            "id": 9,
            "result": ["OK"],
            "params": {"angle": state.angle, "elevation": 51},
        }
        assert state.angle < 51
        for _ in range(12):
            await client.call("set_motor", {"operation": 3})
        assert 95 <= state.elevation <= 101
        for wrong in ({"operation": 9}, {}, [1], {"operation": "1"}):
            assert (await client.call("set_motor", wrong))[0] == -32602


async def test_alarm_nas_and_card() -> None:
    async with running(spec()) as (server, state, client):
        assert await client.call("alarm_sound") == ["ok"]
        assert server.methods.legacy.alarms == 1
        assert await client.call("set_motion_region", [1] * 31 + [3]) == ["ok"]
        assert server.methods.legacy.motion_region == [1] * 31 + [3]
        assert (await client.call("set_motion_region", [1] * 31))[0] == -32602
        assert (await client.call("set_motion_region", [2] * 32))[0] == -32602
        assert await client.call("setAlarmConfig", [2, 22, 0, 6, 30, 1, 5]) == ["ok"]
        assert server.methods.legacy.alarm_config == [2, 22, 0, 6, 30, 1, 5]
        assert (await client.call("setAlarmConfig", [2, 24, 0, 6, 30, 1, 5]))[0] == -32602
        nas = {"state": 3, "sync_interval": 3600, "video_retention_time": 2592000}
        assert await client.call("nas_set_config", nas) == ["ok"]
        assert await client.call("nas_get_config", {}) == {**nas, "share": {}}
        assert (await client.call("nas_set_config", {**nas, "state": 1}))[0] == -32602
        assert await client.call("nas_clear_dir", [[]]) == ["ok"]
        assert await client.call("sd_umount") == ["ok"]
        assert state.properties["sdcard_status"] == 5
        assert await client.call("sd_format") == ["ok"]
        assert state.properties["sdcard_status"] == 0


async def test_which_model_answers_what() -> None:
    get = [{"did": "x", "siid": 2, "piid": 1}]
    for model, legacy, miot in (
        ("chuangmi.camera.ipc009", True, False),
        ("chuangmi.camera.038a2", True, False),
        ("chuangmi.camera.021a04", True, True),
        ("chuangmi.camera.046c04", False, True),
        ("isa.camera.hlc7", False, True),
    ):
        async with running(spec(model)) as (_, _, client):
            unknown = (-32601, "Method not found.")
            prop = await client.call("get_prop", ["power"])
            assert prop == (["on"] if legacy else unknown)
            assert (await client.call("set_power", ["on"]) == ["ok"]) is legacy
            found = await client.call("get_properties", get)
            assert found == ([{**get[0], "code": 0, "value": True}] if miot else unknown)
            assert await client.call("no_such_method") == unknown


async def test_miot_items_have_codes_of_their_own() -> None:
    async with running(spec("isa.camera.hlc7")) as (_, state, client):
        state.properties["night_mode"] = 0
        items = [
            {"did": "power", "siid": 2, "piid": 1},
            {"did": "night", "siid": 2, "piid": 3},
            {"did": "none", "siid": 99, "piid": 1},
            {"siid": 2, "piid": 1},
        ]
        assert await client.call("get_properties", items) == [
            {"did": "power", "siid": 2, "piid": 1, "code": 0, "value": True},
            {"did": "night", "siid": 2, "piid": 3, "code": 0, "value": 2},
            {"did": "none", "siid": 99, "piid": 1, "code": -4003},
            {"did": "", "siid": 2, "piid": 1, "code": -4007},
        ]
        changes = [
            {"did": "a", "siid": 2, "piid": 1, "value": False},
            {"did": "b", "siid": 2, "piid": 2, "value": 180},
            {"did": "c", "siid": 2, "piid": 2, "value": 90},
            {"did": "d", "siid": 2, "piid": 1, "value": 1},
            {"did": "e", "siid": 4, "piid": 1, "value": 1},
            {"did": "f", "siid": 5, "piid": 2, "value": 31},
            {"did": "g", "siid": 5, "piid": 4, "value": "22:00:00"},
            {"did": "h", "siid": 2, "piid": 99, "value": 1},
            {"did": "i", "siid": 5, "piid": 2},
        ]
        result = await client.call("set_properties", changes)
        assert [item["code"] for item in result] == [
            *(0, 0, -4005, -4005, -4002, -4005, 0, -4003, -4005)
        ]
        assert not state.power
        assert state.properties["flip"] is True
        assert state.miot[5, 4] == "22:00:00"


async def test_unreadable_property(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(spec("isa.camera.hlc7")) as (server, _, client):
        import dataclasses

        miot = server.methods.miot._miot
        hidden = dataclasses.replace(miot.properties[5, 1], readable=False)
        changed = dataclasses.replace(miot, properties={**miot.properties, (5, 1): hidden})
        monkeypatch.setattr(server.methods.miot, "_miot", changed)
        item = {"did": "x", "siid": 5, "piid": 1}
        assert await client.call("get_properties", [item]) == [{**item, "code": -4001}]
        assert await client.call("set_properties", [{**item, "value": False}]) == [
            {**item, "code": 0}
        ]


async def test_families_count_night_vision_differently() -> None:
    item = {"did": "x", "siid": 2, "piid": 3, "value": 0}
    for model, meaning in (("isa.camera.hlc7", 1), ("chuangmi.camera.046c04", 0)):
        async with running(spec(model)) as (_, state, client):
            state.properties["night_mode"] = 2
            assert (await client.call("set_properties", [item]))[0]["code"] == 0
            assert state.properties["night_mode"] == meaning


async def test_actions() -> None:
    async with running(spec("isa.camera.hlc7")) as (_, state, client):
        eject = {"did": "x", "siid": 4, "aiid": 2, "in": []}
        answer = await client.call("action", eject)
        assert answer == {"did": "x", "siid": 4, "aiid": 2, "code": 0, "out": []}
        assert state.properties["sdcard_status"] == 5
        assert (await client.call("action", {**eject, "aiid": 9}))["code"] == -4003
        assert (await client.call("action", {**eject, "in": [1]}))["code"] == -4006
        assert (await client.call("action", [eject]))[0] == -32602


@pytest.mark.parametrize(
    "params",
    [
        [],
        {},
        None,
        [1],
        [{"did": "x", "siid": "2", "piid": 1}],
        [{"did": "x", "siid": 2}],
        [{"did": "x" * 65, "siid": 2, "piid": 1}],
        [{"did": "x", "siid": 2, "piid": 1}] * 17,
    ],
)
async def test_malformed_miot_parameters(params: Any) -> None:
    async with running(spec("isa.camera.hlc7")) as (_, _, client):
        assert (await client.call("get_properties", params))[0] == -32602
        assert (await client.call("set_properties", params))[0] == -32602


# --- knobs ---


async def test_silent_and_back() -> None:
    async with running(spec()) as (server, _, client):
        server.knobs.silent = True
        await client.silence(HELLO)
        server.knobs.silent = False
        assert await client.call("get_prop", ["power"]) == ["on"]


async def test_garbage_is_never_a_valid_answer() -> None:
    async with running(spec()) as (server, state, client):
        stamp = await client.hello()
        server.knobs.garbage = True
        for request_id in range(1, 30):
            answer = await client.ask(
                client.sealed({"id": request_id, "method": "miIO.info"}, stamp)
            )
            with pytest.raises(PacketError):
                client.cipher.open(answer)
        assert state.rpc_count == 0


async def test_latency_and_stopping_with_answers_under_way() -> None:
    async with running(spec()) as (server, _, client):
        server.knobs.latency = 0.1
        loop = asyncio.get_running_loop()
        before = loop.time()
        await client.ask(HELLO)
        assert loop.time() - before >= 0.09
        server.knobs.latency = 30
        for _ in range(1000):
            server.receive(HELLO, ("127.0.0.1", 9))
        assert len(server._delayed) <= 256


async def test_losses() -> None:
    async with running(spec()) as (server, _, client):
        server.knobs.drop_rate = 0.5
        for _ in range(100):
            client.transport.sendto(HELLO, (ADDRESS, PORT))
        await asyncio.sleep(0.1)
        assert 25 < client.received.qsize() < 75


@pytest.mark.parametrize("nuls", [0, 1, 5])
async def test_padding(nuls: int) -> None:
    async with running(spec()) as (server, _, client):
        server.knobs.nul_padding = nuls
        assert await client.call("get_prop", ["power"]) == ["on"]


async def test_errors_to_order() -> None:
    async with running(spec()) as (server, _, client):
        server.knobs.errors += [(-9999, "user ack timeout"), (-5001, "command error")]
        assert await client.call("get_prop", ["power"]) == (-9999, "user ack timeout")
        assert await client.call("get_prop", ["power"]) == (-5001, "command error")
        assert await client.call("get_prop", ["power"]) == ["on"]


async def test_address_taken() -> None:
    async with running(spec()):
        camera = spec()
        second = MiioServer(camera, CameraState(camera))
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await second.stop()
