"""micloud logs in to the simulated cloud and lists devices; so does python-miio with it.

micloud has the addresses of the real cloud in its code. It is left as it is: where `requests`
hands a finished request to its transport, one for a Xiaomi host is sent to the simulated cloud
instead, with the name it asked for still in the Host header and the answer looking as if it
came from there. Any other host is an error, so nothing can leave this machine.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad
import pytest

from simulator.camera import SimCamera
from simulator.camera.miio_methods import MiioMethods
from simulator.camera.spec import CameraSpec
from simulator.camera.state import CameraState
from simulator.cloud import Account, CloudDevice, LoginDemand, SimCloud
from simulator.keys import KeyBook
from simulator.tag import Tag, read_image

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import requests

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore:'locale.getdefaultlocale':DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utc:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'MultiCommand' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

USER, PASSWORD = "demo@example.com", "open-sesame"
XIAOMI = re.compile(r"account\.xiaomi\.com|sts\.api\.io\.mi\.com|(\w+\.)?api\.io\.mi\.com")


@pytest.fixture
async def cloud(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[SimCloud]:
    from requests.adapters import HTTPAdapter

    cloud = SimCloud("127.0.41.11", 0, [Account(username=USER, password=PASSWORD)], KeyBook())
    spec = CameraSpec(
        did=1001001001,
        model="chuangmi.camera.ipc019",
        name="Kitchen",
        scene="kitchen",
        address="127.0.41.12",
        mac="50:ec:50:00:00:01",
        token=bytes(range(16)),
    )
    cloud.add_device(USER, CloudDevice.camera(spec, MiioMethods(spec, CameraState(spec))))
    await cloud.start()
    send = HTTPAdapter.send

    def to_the_simulator(
        self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any
    ) -> requests.Response:
        url = urlsplit(str(request.url))
        assert XIAOMI.fullmatch(url.netloc), url.netloc
        redirected = request.copy()
        redirected.headers["Host"] = url.netloc
        redirected.url = urlunsplit(url._replace(scheme="http", netloc=urlsplit(cloud.url).netloc))
        response = send(self, redirected, *args, **more)
        response.request, response.url = request, str(request.url)
        return response

    monkeypatch.setattr(HTTPAdapter, "send", to_the_simulator)
    yield cloud
    await cloud.stop()


def micloud(password: str = PASSWORD) -> Any:
    from micloud import MiCloud

    return MiCloud(USER, password)


async def test_login_and_device_list(cloud: SimCloud) -> None:
    def use() -> None:
        client = micloud()
        assert client.login()
        assert client.user_id == 2000000001
        (device,) = client.get_devices(country="de")
        assert device["did"] == "1001001001"
        assert device["name"] == "Kitchen"
        assert device["token"] == bytes(range(16)).hex()
        assert device["localip"] == "127.0.41.12"
        assert client.get_devices(country="cn") == []
        again = client.request_country(
            "/miotspec/prop/get",
            "de",
            {"data": '{"params":[{"did":"1001001001","siid":2,"piid":1}]}'},
        )
        assert b'"value": true' in again

    await asyncio.to_thread(use)
    assert cloud.logins == 1
    assert cloud.requests == 3


async def test_a_picture_of_an_event_as_micloud_signs(cloud: SimCloud) -> None:
    """It has no call for that, and strikes each `/app/` out of a path; the rest is micloud's."""
    cloud.events.add("1001001001", "PeopleMotion", 1_700_000_000_000)

    def use() -> bytes:
        from micloud import miutils

        client = micloud()
        assert client.login()
        nonce, iv = miutils.gen_nonce(), bytes(range(16))
        signed = miutils.signed_nonce(client.ssecurity, nonce)
        path = "/miot/camera/app/v1/img"
        data = {
            "did": "1001001001",
            "fileId": "file-1",
            "stoId": "picture-1",
            "segmentIv": base64.b64encode(iv).decode(),
        }

        def sign(parameters: dict[str, str]) -> str:
            pairs = [f"{name}={value}" for name, value in parameters.items()]
            text = "&".join(["GET", path, *pairs, signed])
            return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()

        plain = {"data": json.dumps(data)}
        plain["rc4_hash__"] = sign(plain)
        query = {name: miutils.encrypt_rc4(signed, value) for name, value in plain.items()}
        query |= {"signature": sign(query), "ssecurity": client.ssecurity, "_nonce": nonce}
        query["yetAnotherServiceToken"] = client.service_token
        cookies = {"userId": str(client.user_id), "serviceToken": client.service_token}
        url = f"https://de.api.io.mi.com{path}"
        answer = client.session.get(url, params=query, cookies=cookies, timeout=30)
        assert answer.headers["Content-Type"] == "image/jpeg", answer.text
        key = base64.b64decode(client.ssecurity)
        return unpad(AES.new(key, AES.MODE_CBC, iv).decrypt(answer.content), 16)

    assert read_image(await asyncio.to_thread(use)) == Tag(1001001001, 0, 1, 1_700_000_000_000)


async def test_wrong_password(cloud: SimCloud) -> None:
    from micloud.micloudexception import MiCloudAccessDenied

    def use() -> None:
        with pytest.raises(MiCloudAccessDenied):
            micloud("wrong").login()

    await asyncio.to_thread(use)
    assert cloud.logins == 0
    assert cloud.accounts.failed_logins == 1


async def test_captcha_is_no_login(cloud: SimCloud) -> None:
    from micloud.micloudexception import MiCloudAccessDenied

    cloud.accounts.demand = LoginDemand.CAPTCHA

    def use() -> None:
        with pytest.raises(MiCloudAccessDenied):
            micloud().login()

    await asyncio.to_thread(use)
    assert cloud.logins == 0


async def test_verification_is_no_login(cloud: SimCloud) -> None:
    cloud.accounts.demand = LoginDemand.VERIFICATION
    assert not await asyncio.to_thread(lambda: micloud().login())
    assert cloud.logins == 0


async def test_python_miio_lists_the_account(cloud: SimCloud) -> None:
    def use() -> None:
        from miio.cloud import CloudInterface

        devices = CloudInterface(USER, PASSWORD).get_devices("de")
        assert list(devices) == ["1001001001"]
        device = devices["1001001001"]
        assert device.model == "chuangmi.camera.ipc019"
        assert device.token == bytes(range(16)).hex()
        assert device.mac == "50:EC:50:00:00:01"

    await asyncio.to_thread(use)
    assert cloud.logins == 1


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/miotspec/action", '{"params":{"did":"1001001002","siid":9,"aiid":1,"in":[]}}'),
        ("/home/rpc/1001001002", '{"method":"wakeup","params":{"video":"1"}}'),
    ],
)
async def test_it_wakes_a_battery_camera(cloud: SimCloud, path: str, data: str) -> None:
    spec = CameraSpec(
        did=1001001002,
        model="loock.cateye.v06",
        name="Door",
        scene="porch",
        address="127.0.41.13",
        mac="50:ec:50:00:00:02",
        token=bytes(range(16)),
        asleep=True,
    )
    camera = SimCamera(spec)
    camera.battery.wake_delay = 0.05
    await camera.start()
    cloud.add_device(USER, CloudDevice.camera(spec, camera.miio.methods))
    try:
        assert camera.state.sleeping

        vendor = json.dumps(
            {
                "app_pubkey": "09" * 32,
                "did": "1001001002",
                "support_vendors": "TUTK_CS2_MTP",
            }
        )

        def ask() -> bytes:
            client = micloud()
            assert client.login()
            refused = client.request_country("/v2/device/miss_get_vendor", "de", {"data": vendor})
            assert b"device rpc response error" in refused
            answer: bytes = client.request_country(path, "de", {"data": data})
            return answer

        answer = await asyncio.to_thread(ask)
        assert b'"code":0' in answer.replace(b" ", b"")
        async with asyncio.timeout(2):
            while camera.state.sleeping:
                await asyncio.sleep(0.01)
    finally:
        await camera.stop()
