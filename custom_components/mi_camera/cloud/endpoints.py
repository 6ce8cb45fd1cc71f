"""Where the cloud is."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

REGIONS: Final = ("cn", "de", "i2", "ru", "sg", "us")
_XIAOMI: Final = (".mi.com", ".xiaomi.com")


@dataclass(frozen=True, slots=True)
class CloudEndpoints:
    """Base URLs, without a slash at the end."""

    account: str
    """The account service; `/pass/serviceLogin` follows."""
    api: Mapping[str, str]
    """The device API by region; ends in `/app`, which a request's signature leaves out."""
    specs: str = "https://miot-spec.org"
    """The service that knows models' MIoT specifications, for everybody to see."""
    events: Mapping[str, str] = field(default_factory=dict)
    """The service that lists what cameras have noticed, by region; none where it is missing."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """The service that keeps the pictures of events, likewise."""

    @classmethod
    def from_mapping(cls, data: Mapping[str, object]) -> Self:
        """Endpoints of another cloud, for development: `account` and `api`.

        There is one `api` for all regions, unless its text has `{region}` in it. One without a
        path gets `/app`; without `specs` they are where the account is. Events are listed where
        the API is, without the `/app`, and so are their pictures. Raises `ValueError`.
        """
        account = _base(data.get("account"))
        specs = _base(data.get("specs", data.get("account")))
        api = data.get("api")
        apis = {
            region: _base(api.replace("{region}", region) if isinstance(api, str) else api)
            for region in REGIONS
        }
        events = MappingProxyType(
            {
                region: str(url).rstrip("/").removesuffix("/app").rstrip("/")
                for region, url in apis.items()
            }
        )
        return cls(
            str(account).rstrip("/"),
            MappingProxyType(
                {
                    region: str(url / "app" if url.path == "/" else url).rstrip("/")
                    for region, url in apis.items()
                }
            ),
            str(specs.origin()),
            events,
            events,
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions with an API of their own: a cloud for development may have one for all."""
        apart = {self.api[region]: region for region in reversed(REGIONS)}
        return tuple(reversed(apart.values()))

    def own(self, text: str) -> URL | None:
        """Parse a URL of the account service itself, None if it leads anywhere else.

        Pictures to read and pages about verification are asked for with the cookies of a
        sign-in that is not finished.
        """
        try:
            url = URL(self.account).join(URL(text, encoded=True))
            origin = url.origin()
        except ValueError:
            return None
        return url if origin == URL(self.account).origin() and not url.user else None

    def trusted(self, text: str) -> URL | None:
        """Parse a URL the account service names as the next step, None if it leads elsewhere.

        Next steps hold what the session is made of, so they go to Xiaomi by https, or to the
        very server that named them.
        """
        try:
            url = URL(text, encoded=True)
            origin, host, port = url.origin(), url.host or "", url.port
        except ValueError:
            return None
        if origin in {URL(self.account).origin(), *(URL(u).origin() for u in self.api.values())}:
            return url
        if url.scheme == "https" and port == 443 and host.endswith(_XIAOMI):
            return url
        return None


def _base(value: object) -> URL:
    if not isinstance(value, str) or len(value) > 255:
        raise ValueError("a cloud address is missing")
    url = URL(value)
    if url.scheme not in {"http", "https"} or not url.host or url.user or url.password:
        raise ValueError("a cloud address is not an http URL")
    if url.query_string or url.fragment:
        raise ValueError("a cloud address has no query")
    return url


def _by_region(host: str, path: str = "") -> Mapping[str, str]:
    return MappingProxyType(
        {
            region: f"https://{'' if region == 'cn' else f'{region}.'}{host}{path}"
            for region in REGIONS
        }
    )


PRODUCTION: Final = CloudEndpoints(
    account="https://account.xiaomi.com",
    api=_by_region("api.io.mi.com", "/app"),
    events=_by_region("business.smartcamera.api.io.mi.com"),
    pictures=_by_region("processor.smartcamera.api.io.mi.com"),
)
"""Public protocol notes, the same in several clients."""
