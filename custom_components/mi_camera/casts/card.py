"""The card that a display shows when a camera's pictures have ended: "stream unavailable".

It is one picture per language, the same in every home, at an address without any secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web
from homeassistant.components.media_player import ATTR_MEDIA_CONTENT_ID
from homeassistant.const import STATE_OFF, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import callback
from homeassistant.helpers.http import HomeAssistantView
from yarl import URL

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, State

CARD_PATH: Final = "/api/mi_camera/card"
CARD_TYPE: Final = "image/png"
CARD_LANGUAGES: Final = ("en", "fr", "de", "es", "it", "nl", "pl", "pt-BR", "ru", "zh-Hans")
_FOLDER: Final = Path(__file__).resolve().parents[1] / "cards"
_NOTHING_ON: Final = {STATE_OFF, STATE_UNAVAILABLE, STATE_UNKNOWN}


@callback
def async_setup_card(hass: HomeAssistant) -> None:
    """Register the view, which is there at all times: it shows no camera."""
    hass.http.register_view(CardView())


class CardView(HomeAssistantView):
    """Serves the cards."""

    url = CARD_PATH + "/{language:" + "|".join(CARD_LANGUAGES) + "}.png"
    name = "api:mi_camera:card"
    # A display has no account here, and there is nothing to hide.
    requires_auth = False
    # The page of a Cast receiver is from elsewhere.
    cors_allowed = True

    async def get(self, request: web.Request, language: str) -> web.StreamResponse:
        """Answer with the card of a language."""
        return web.FileResponse(
            _FOLDER / f"{language}.png",
            headers={hdrs.CONTENT_TYPE: CARD_TYPE, hdrs.CACHE_CONTROL: "no-cache"},
        )


def card_language(language: str) -> str:
    """Return the language of the card for Home Assistant's own: `pt` is shown as `pt-BR`."""
    wanted = language.lower()
    for one in CARD_LANGUAGES:
        if one.lower() == wanted:
            return one
    for one in CARD_LANGUAGES:
        if one.partition("-")[0] == wanted.partition("-")[0]:
            return one
    return CARD_LANGUAGES[0]


def card_path(language: str) -> str:
    """Return the path of the card for Home Assistant's language."""
    # Home Assistant adds a signature, which is of no use here, to a path without a query.
    return f"{CARD_PATH}/{card_language(language)}.png?v=1"


def shows_card(state: State | None) -> bool:
    """Whether a player has the card on its screen, put there by this run or one before."""
    if state is None or state.state in _NOTHING_ON:
        return False
    content = state.attributes.get(ATTR_MEDIA_CONTENT_ID)
    if not isinstance(content, str):
        return False
    try:
        return URL(content).path.startswith(f"{CARD_PATH}/")
    except ValueError:
        return False
