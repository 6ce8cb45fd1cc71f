"""A camera's miio side, older and MIoT models, against simulated devices."""

from __future__ import annotations

import asyncio
from functools import partial
import json
import logging
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.mi_camera.device import (
    CameraDevice,
    DeviceInfo,
    MiioBadReply,
    MiioClosed,
    MiioDeviceError,
    MiioEndpoint,
    MiioError,
    MiioNotAllowed,
    MiioTimeout,
    MiioUnsupported,
    MiioWrongDevice,
    legacy as legacy_module,
    ungated,
)
from custom_components.mi_camera.device.legacy import ProtocolBridge
from custom_components.mi_camera.device.legacy_spec import LEGACY_SPEC
from custom_components.mi_camera.device.miot_bundled import BUNDLED, bundled_spec
from custom_components.mi_camera.device.miot_names import POWER, PropertyId
from custom_components.mi_camera.device.miot_spec import MiotSpec
from tests.device.conftest import DID, LOW_DID, TOKEN, MakeDevice, MakeScripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.mi_camera.device.library import MiioLibrary

LEGACY = "chuangmi.camera.ipc019"
MIOT = "isa.camera.hlc7"
UNKNOWN = "xiaomi.camera.unheard"


@pytest.fixture(autouse=True)
def _no_blocking_sockets(library: MiioLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """python-miio may open no socket of its own."""

    def refuse(*args: object) -> None:
        raise AssertionError("python-miio opened a socket")

    monkeypatch.setattr(
        sys.modules["miio.miioprotocol"],
        "socket",
        SimpleNamespace(socket=refuse, timeout=TimeoutError),
    )


def results(*answers: bytes) -> Callable[[bytes], bytes]:
    """Replies in turn, the last one for ever."""
    left = list(answers)

    def result(text: bytes) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    return result


async def scripted(make_scripted: MakeScripted, *answers: bytes) -> str:
    """Host of a device that gives these results."""
    device = await make_scripted(2)
    result = results(*answers)

    def answer(text: bytes) -> list[bytes]:
        request = json.loads(text)
        return [device.seal(b'{"id":%d,"result":%s}' % (request["id"], result(text)))]

    device.answer = answer
    return device.host


@pytest.mark.parametrize("model", [LEGACY, MIOT])
async def test_info(endpoint: MiioEndpoint, make_device: MakeDevice, model: str) -> None:
    device = await make_device(1, model)
    camera = CameraDevice(endpoint, device.host, TOKEN, model)
    info = await camera.info(allowed=ungated)
    assert info == DeviceInfo(LOW_DID, model, info.firmware, info.hardware, "02:00:00:00:44:01")
    assert info.firmware
    assert info.hardware == "Linux"
    known = CameraDevice(endpoint, device.host, TOKEN, model, did=DID)
    assert (await known.info(allowed=ungated)).did == DID


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (LEGACY, {POWER, "camera-control:wdr-mode", "camera-control:recording-mode"}),
        (MIOT, {POWER, "camera-control:night-shot", "motion-detection:motion-detection"}),
        ("chuangmi.camera.046c04", {POWER, "camera-control:wdr-mode"}),
        ("chuangmi.camera.021a04", {POWER, "camera-control:glimmer-full-color"}),
        (UNKNOWN, {POWER}),
        ("chuangmi.camera.ipc013", {POWER}),  # older, but unknown to python-miio
    ],
)
async def test_status_and_power(
    endpoint: MiioEndpoint, make_device: MakeDevice, model: str, names: set[str]
) -> None:
    device = await make_device(1, model)
    camera = CameraDevice(endpoint, device.host, TOKEN, model)
    status = await camera.status(allowed=ungated)
    assert status.power
    assert names <= set(status.properties)
    await camera.set_power(False, allowed=ungated)
    assert not device.state.power
    assert not (await camera.status(allowed=ungated)).power
    # Without a status first, as after a start.
    fresh = CameraDevice(endpoint, device.host, TOKEN, model)
    await fresh.set_power(True, allowed=ungated)
    assert device.state.power


async def test_legacy_values(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1, LEGACY)
    device.state.properties["night_mode"] = 2
    device.state.properties["motion_record"] = "stop"
    del device.state.properties["wdr"]
    camera = CameraDevice(endpoint, device.host, TOKEN, LEGACY)
    properties = (await camera.status(allowed=ungated)).properties
    assert properties["camera-control:night-shot"] == 2
    assert properties["camera-control:time-watermark"] is True
    assert properties["camera-control:image-rollover"] == 0
    assert properties["camera-control:recording-mode"] == 2
    assert "camera-control:wdr-mode" not in properties
    assert camera.spec is LEGACY_SPEC
    assert set(properties) <= set(LEGACY_SPEC.properties)


@pytest.mark.parametrize(
    "name", [name for name, one in LEGACY_SPEC.properties.items() if one.values]
)
async def test_legacy_choices(endpoint: MiioEndpoint, make_device: MakeDevice, name: str) -> None:
    device = await make_device(1, LEGACY)
    camera = CameraDevice(endpoint, device.host, TOKEN, LEGACY)
    for value in LEGACY_SPEC.properties[name].values:
        await camera.set_properties({name: value.value}, allowed=ungated)
        assert await camera.get_properties([name], allowed=ungated) == {name: value.value}


@pytest.mark.parametrize(
    "name", [n for n, one in LEGACY_SPEC.properties.items() if one.format == "bool"]
)
async def test_legacy_switches(endpoint: MiioEndpoint, make_device: MakeDevice, name: str) -> None:
    device = await make_device(1, LEGACY)
    camera = CameraDevice(endpoint, device.host, TOKEN, LEGACY)
    for value in (True, False, True):
        await camera.set_properties({name: value}, allowed=ungated)
        assert await camera.get_properties([name, "no:such"], allowed=ungated) == {name: value}


async def test_legacy_limits(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1, LEGACY)
    camera = CameraDevice(endpoint, device.host, TOKEN, LEGACY)
    for name in ("memory-card-management:status", "no-such:thing"):
        with pytest.raises(MiioUnsupported):
            await camera.set_properties({name: 1}, allowed=ungated)
    with pytest.raises(MiioUnsupported):
        await camera.act("no-such:thing", allowed=ungated)
    assert await camera.act("memory-card-management:pop-up", allowed=ungated) == []
    assert device.state.properties["sdcard_status"] == 5


@pytest.mark.parametrize("model", [MIOT, "chuangmi.camera.046c04"])
async def test_actions(endpoint: MiioEndpoint, make_device: MakeDevice, model: str) -> None:
    device = await make_device(1, model)
    camera = CameraDevice(endpoint, device.host, TOKEN, model)
    assert await camera.act("memory-card-management:pop-up", allowed=ungated) == []
    assert device.state.properties["sdcard_status"] == 5
    for name, inputs in (("no-such:thing", ()), ("memory-card-management:pop-up", (1,))):
        with pytest.raises(MiioUnsupported):
            await camera.act(name, inputs, allowed=ungated)
    await camera.status(allowed=ungated)
    camera.use(MiotSpec("urn:x", {}, {"a:b": bundled_spec(MIOT).actions["p2p-stream:stop-stream"]}))
    if model != MIOT:
        with pytest.raises(MiioUnsupported):
            await camera.act("a:b", allowed=ungated)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b'{"code":0,"out":[1,{"piid":2,"value":"x"},null,[5]]}', [1, "x"]),
        (b'{"code":1}', []),
        (b'{"code":-4006}', MiioDeviceError),
        (b'{"code":-4003}', MiioUnsupported),
        (b"[]", MiioBadReply),
        (b'{"code":0,"out":5}', MiioBadReply),
        (b"{}", MiioUnsupported),
    ],
)
async def test_what_an_action_gives(
    endpoint: MiioEndpoint, make_scripted: MakeScripted, answer: bytes, outcome: Any
) -> None:
    camera = CameraDevice(endpoint, await scripted(make_scripted, answer), TOKEN, MIOT)
    if isinstance(outcome, list):
        assert await camera.act("memory-card-management:format", allowed=ungated) == outcome
    else:
        with pytest.raises(outcome):
            await camera.act("memory-card-management:format", allowed=ungated)


async def test_only_what_is_watched_is_asked(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1, MIOT)
    camera = CameraDevice(endpoint, device.host, TOKEN, MIOT)
    camera.watch(["indicator-light:on", "no-such:thing"])
    assert set((await camera.status(allowed=ungated)).properties) == {POWER, "indicator-light:on"}


async def test_what_a_model_lacks_is_left_out(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1, "chuangmi.camera.046c04")
    camera = CameraDevice(endpoint, device.host, TOKEN, device.spec.model)
    assert "camera-control:motion-tracking" in camera.spec.properties
    assert "camera-control:motion-tracking" not in (await camera.status(allowed=ungated)).properties
    with pytest.raises(MiioUnsupported):
        await camera.set_properties({"camera-control:motion-tracking": True}, allowed=ungated)


async def test_properties_by_name(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    device = await make_device(1, MIOT)
    camera = CameraDevice(endpoint, device.host, TOKEN, MIOT)
    await camera.set_properties(
        {"camera-control:night-shot": 2, "motion-detection:alarm-interval": 7},
        allowed=ungated,
    )
    assert await camera.get_properties(
        ["camera-control:night-shot", "motion-detection:alarm-interval", "no-such:thing"],
        allowed=ungated,
    ) == {"camera-control:night-shot": 2, "motion-detection:alarm-interval": 7}
    with pytest.raises(MiioUnsupported, match="no-such"):
        await camera.set_properties({"no-such:thing": 1}, allowed=ungated)
    with pytest.raises(MiioUnsupported) as unwritable:
        await camera.set_properties({"memory-card-management:status": 1}, allowed=ungated)
    assert unwritable.value.code == -4002
    with pytest.raises(MiioDeviceError) as bad_value:
        await camera.set_properties({"camera-control:night-shot": 99}, allowed=ungated)
    assert bad_value.value.code == -4005


async def test_unknown_model_is_read_before_it_is_written(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    host = await scripted(make_scripted, b'[{"siid":2,"piid":1,"code":-4003}]')
    camera = CameraDevice(endpoint, host, TOKEN, UNKNOWN)
    with pytest.raises(MiioUnsupported):
        await camera.set_power(True, allowed=ungated)
    with pytest.raises(MiioUnsupported):
        await camera.status(allowed=ungated)


async def test_unknown_model_without_any_power(
    endpoint: MiioEndpoint, make_scripted: MakeScripted
) -> None:
    device = await make_scripted(2)

    def answer(text: bytes) -> list[bytes]:
        request = json.loads(text)
        error = b'{"code":-32601,"message":"Method not found."}'
        if request["method"] == "get_prop":
            reply = b'{"id":%d,"result":["",""]}' % request["id"]
        else:
            reply = b'{"id":%d,"error":%s}' % (request["id"], error)
        return [device.seal(reply)]

    device.answer = answer
    with pytest.raises(MiioUnsupported):
        await CameraDevice(endpoint, device.host, TOKEN, UNKNOWN).status(allowed=ungated)
    # A described MIoT model is not asked the older way.
    with pytest.raises(MiioUnsupported):
        await CameraDevice(endpoint, device.host, TOKEN, MIOT).status(allowed=ungated)


@pytest.mark.parametrize(
    "result",
    [
        b"null",
        b'"x"',
        b'{"siid":2}',
        b"7",
        b'[1,null,[],{"siid":"2","piid":1}]',
        b"[]",
        b'[{"siid":2,"piid":1,"code":0}]',
        b'[{"siid":2,"piid":1,"code":"0","value":true}]',
        b'[{"siid":2,"piid":1,"code":0,"value":"on"}]',
        b'[{"siid":2,"piid":1,"code":0,"value":7}]',
        b'[{"siid":2,"piid":1,"code":0,"value":[true]}]',
        b'[{"siid":2,"piid":1,"code":0,"value":1.0}]',
        b'[{"siid":2,"piid":1,"value":true}]',
    ],
)
async def test_hostile_miot_answers(
    endpoint: MiioEndpoint, make_scripted: MakeScripted, result: bytes
) -> None:
    host = await scripted(make_scripted, result)
    camera = CameraDevice(endpoint, host, TOKEN, MIOT)
    with pytest.raises(MiioError):
        await camera.status(allowed=ungated)
    with pytest.raises(MiioError):
        await camera.info(allowed=ungated)


async def test_numeric_power(endpoint: MiioEndpoint, make_scripted: MakeScripted) -> None:
    host = await scripted(make_scripted, b'[{"siid":2,"piid":1,"code":0,"value":1}]')
    assert (await CameraDevice(endpoint, host, TOKEN, MIOT).status(allowed=ungated)).power is True


@pytest.mark.parametrize(
    "result", [b"null", b"7", b"[]", b'{"a":1}', b"[[]]", b'[{"on":1}]', b'["maybe"]', b'[""]']
)
async def test_hostile_legacy_answers(
    endpoint: MiioEndpoint, make_scripted: MakeScripted, result: bytes
) -> None:
    host = await scripted(make_scripted, result)
    with pytest.raises((MiioBadReply, MiioUnsupported)):
        await CameraDevice(endpoint, host, TOKEN, LEGACY).status(allowed=ungated)


@pytest.mark.parametrize(
    "result",
    [
        b"[]",
        b"{}",
        b'{"model":7}',
        b'{"model":"../../etc"}',
        b'{"model":"a.camera.\\u0000"}',
        b'{"model":"a.%s.c"}' % (b"b" * 99),
    ],
)
async def test_hostile_info(
    endpoint: MiioEndpoint, make_scripted: MakeScripted, result: bytes
) -> None:
    host = await scripted(make_scripted, result)
    with pytest.raises(MiioBadReply):
        await CameraDevice(endpoint, host, TOKEN, LEGACY).info(allowed=ungated)


async def test_odd_info(endpoint: MiioEndpoint, make_scripted: MakeScripted) -> None:
    host = await scripted(
        make_scripted, b'{"model":"a.camera.c","fw_ver":["1"],"hw_ver":"\\n","mac":"zz"}'
    )
    info = await CameraDevice(endpoint, host, TOKEN, "").info(allowed=ungated)
    assert info == DeviceInfo(LOW_DID, "a.camera.c", None, None, None)


@pytest.mark.parametrize("model", [LEGACY, MIOT])
async def test_wrong_device(endpoint: MiioEndpoint, make_device: MakeDevice, model: str) -> None:
    device = await make_device(1, model)
    camera = CameraDevice(endpoint, device.host, TOKEN, model, did=DID + 1)
    for call in (camera.status, camera.info, partial(camera.set_power, False)):
        with pytest.raises(MiioWrongDevice):
            await call(allowed=ungated)
    assert device.state.power
    assert device.state.rpc_count == 0


@pytest.mark.parametrize("model", [LEGACY, MIOT])
async def test_wrong_token_and_absent_device(
    endpoint: MiioEndpoint, make_device: MakeDevice, model: str
) -> None:
    device = await make_device(1, model)
    for host, there in ((device.host, True), ("127.0.44.97", False)):
        camera = CameraDevice(endpoint, host, bytes(16), model, timeout=0.15)
        started = time.monotonic()
        with pytest.raises(MiioTimeout) as caught:
            await camera.status(allowed=ungated)
        assert time.monotonic() - started < 1.0
        assert caught.value.answered_hello is there


@pytest.mark.parametrize("model", [LEGACY, MIOT])
async def test_device_error(endpoint: MiioEndpoint, make_device: MakeDevice, model: str) -> None:
    device = await make_device(1, model)
    device.server.knobs.errors = [(-10000, "general")]
    with pytest.raises(MiioDeviceError) as caught:
        await CameraDevice(endpoint, device.host, TOKEN, model).status(allowed=ungated)
    assert caught.value.code == -10000


async def test_many_legacy_cameras_at_once(endpoint: MiioEndpoint, make_device: MakeDevice) -> None:
    devices = [await make_device(100 + n, LEGACY, did=n + 1) for n in range(20)]
    statuses = await asyncio.gather(
        *(
            CameraDevice(endpoint, d.host, TOKEN, LEGACY, did=d.spec.did).status(allowed=ungated)
            for d in devices
        )
    )
    assert all(status.power for status in statuses)


async def test_cancelling_a_legacy_call_frees_its_thread(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1, LEGACY)
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.silent = True
    waits = [
        asyncio.create_task(
            CameraDevice(endpoint, device.host, TOKEN, LEGACY, timeout=60).status(allowed=ungated)
        )
        for _ in range(3)
    ]
    await asyncio.sleep(0.1)
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)
    assert all(wait.cancelled() for wait in waits)
    started = time.monotonic()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert time.monotonic() - started < 1.0
    assert not [t for t in threading.enumerate() if t.name.startswith("asyncio_")]


async def test_closing_the_endpoint_ends_legacy_calls(make_device: MakeDevice) -> None:
    device = await make_device(1, LEGACY)
    endpoint = MiioEndpoint()
    await endpoint.open()
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.silent = True
    camera = CameraDevice(endpoint, device.host, TOKEN, LEGACY, timeout=60)
    wait = asyncio.create_task(camera.status(allowed=ungated))
    await asyncio.sleep(0.1)
    await endpoint.close()
    with pytest.raises(MiioClosed):
        await wait


def bridge(endpoint: MiioEndpoint, host: str) -> ProtocolBridge:
    return ProtocolBridge(endpoint, host, TOKEN, did=None, timeout=1.0, attempts=2, allowed=ungated)


async def test_bridge_serves_the_whole_device_class(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    """What python-miio's Device does with its protocol, beside sending."""
    device = await make_device(1, LEGACY)
    camera = object.__new__(endpoint.library.camera)
    camera._protocol = bridge(endpoint, device.host)
    camera._model, camera._info = LEGACY, None
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, lambda: camera.device_id) == LOW_DID
    info = await loop.run_in_executor(None, camera.info)
    assert info.model == LEGACY
    rotated = await loop.run_in_executor(
        None, camera.rotate, sys.modules["miio.chuangmi_camera"].Direction.Left
    )
    assert rotated == ["OK"]
    assert camera.raw_id == 0


async def test_cancelled_bridge_sends_nothing(
    endpoint: MiioEndpoint, make_device: MakeDevice
) -> None:
    device = await make_device(1, LEGACY)
    cancelled = bridge(endpoint, device.host)
    cancelled.cancel()
    with pytest.raises(MiioClosed):
        await asyncio.to_thread(cancelled.send, "get_prop", ["power"])
    assert device.state.rpc_count == 0


async def test_bridge_does_not_wait_for_ever(
    endpoint: MiioEndpoint, make_device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy_module, "CALL_LIMIT", 0.05)
    device = await make_device(1, LEGACY)
    await endpoint.hello(device.host, allowed=ungated)
    device.server.knobs.silent = True
    with pytest.raises(MiioTimeout):
        await asyncio.to_thread(bridge(endpoint, device.host).send, "get_prop", ["power"])


async def test_token_stays_out_of_texts(
    endpoint: MiioEndpoint, make_device: MakeDevice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = ""
    for last, model in ((1, LEGACY), (2, MIOT)):
        device = await make_device(last, model)
        camera = CameraDevice(endpoint, device.host, TOKEN, model)
        texts += (
            repr(await camera.info(allowed=ungated))
            + repr(await camera.status(allowed=ungated))
            + repr(camera)
        )
        with pytest.raises(MiioTimeout) as caught:
            await CameraDevice(
                endpoint, device.host, b"wrongtokenwrong!", model, timeout=0.1
            ).status(allowed=ungated)
        texts += repr(caught.value) + str(caught.value)
    texts += caplog.text
    for token in (b"wrongtokenwrong!", TOKEN):
        assert token.hex() not in texts
        assert repr(token)[2:-1] not in texts


def test_bundled_specifications() -> None:
    assert list(bundled_spec(UNKNOWN).properties) == [POWER]
    for spec in (*BUNDLED.values(), bundled_spec(UNKNOWN)):
        ids = [one.ids for one in spec.properties.values()]
        assert spec.properties[POWER].ids == PropertyId(2, 1)
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("model", [LEGACY, MIOT, UNKNOWN])
async def test_what_waits_is_not_sent_once_it_is_not_allowed(
    endpoint: MiioEndpoint, make_device: MakeDevice, model: str
) -> None:
    """Calls to one device wait for each other, those of a thread as well."""
    device = await make_device(1, model)
    camera = CameraDevice(endpoint, device.host, TOKEN, model)
    await endpoint.hello(device.host, allowed=ungated)
    (peer,) = endpoint._peers.values()
    leave = [True]
    async with peer.lock:
        waits = [
            asyncio.create_task(call(allowed=lambda: leave[0]))
            for call in (camera.status, camera.info, partial(camera.set_power, False))
        ]
        async with asyncio.timeout(5):
            while peer.users < len(waits):
                await asyncio.sleep(0.01)
        sent = endpoint.counters.sent
        leave[0] = False
    for wait in waits:
        with pytest.raises(MiioNotAllowed):
            await wait
    assert endpoint.counters.sent == sent
    assert device.state.rpc_count == 0
    assert device.state.power


@pytest.mark.parametrize("model", [LEGACY, MIOT, UNKNOWN])
async def test_of_several_datagrams_only_those_that_are_allowed_are_sent(
    endpoint: MiioEndpoint, make_device: MakeDevice, model: str
) -> None:
    """Setting the power takes a reading first where nobody described the model."""
    for left in range(3):
        device = await make_device(1 + left, model)  # nothing is known of it yet
        sent = endpoint.counters.sent
        leave = iter([True] * (1 + left))  # once before a name is looked up
        camera = CameraDevice(endpoint, device.host, TOKEN, model)
        with pytest.raises(MiioNotAllowed):
            await camera.info(allowed=lambda one=leave: next(one, False))  # type: ignore[misc]
            await camera.status(allowed=lambda one=leave: next(one, False))  # type: ignore[misc]
        assert endpoint.counters.sent - sent == left
