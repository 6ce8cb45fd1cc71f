"""Every frame a page's WebRTC players present, read by its tag inside the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.house.pictures import Picture
from simulator.tag import Tag

if TYPE_CHECKING:
    from playwright.async_api import Page

MAX_FRAMES = 6000
"""Frames kept in the page between two calls; more are not read."""

# Each frame the browser presents is drawn, its tag only, onto a small canvas, and the squares of
# the tag become 25 bytes in hex; whether they are one is found out by their CRC, not here. The
# time is when the frame is due on the glass, by the machine's clock.
_SCRIPT = """(limit) => {
  if (window.frameWatch) return;
  const columns = 40, rows = 5, side = 8;
  const canvas = document.createElement('canvas');
  canvas.width = columns * side;
  canvas.height = rows * side;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const watched = new WeakSet();
  let frames = [];
  const isWhite = (data, column, row) => {
    let sum = 0;
    for (let y = side / 4; y < side * 3 / 4; y++) {
      for (let x = side / 4; x < side * 3 / 4; x++) {
        const at = ((row * side + y) * canvas.width + column * side + x) * 4;
        sum += 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
      }
    }
    return sum >= 128 * side * side / 4;
  };
  const read = (video) => {
    const width = video.videoWidth;
    // A video that has no frame just now draws nothing, and another's would still be there.
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(video, 0, 0, width, width / columns * rows,
                      0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let hex = '';
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column += 4) {
        let nibble = 0;
        for (let bit = 0; bit < 4; bit++)
          nibble = nibble << 1 | isWhite(data, column + bit, row);
        hex += nibble.toString(16);
      }
    }
    return hex;
  };
  window.frameWatch = {
    watch: (video, key) => {
      if (watched.has(video)) return;
      watched.add(video);
      const presented = (now, metadata) => {
        const due = Math.max(0, metadata.expectedDisplayTime - performance.now());
        if (frames.length < limit) frames.push([key, read(video), Date.now() + due]);
        video.requestVideoFrameCallback(presented);
      };
      video.requestVideoFrameCallback(presented);
    },
    drain: () => {
      const drained = frames;
      frames = [];
      return drained;
    },
  };
}"""

_WATCH_PLAYERS = """() => {
  const found = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.tagName === 'HA-WEB-RTC-PLAYER' && element.shadowRoot) {
        const video = element.shadowRoot.querySelector('video');
        if (video) {
          window.frameWatch.watch(video, element.entityid);
          found.push(element.entityid);
        }
      }
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  return found;
}"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame a player has presented."""

    key: str
    """The entity id of the player's camera."""
    picture: Picture


async def prepare(page: Page) -> None:
    """Make a page able to read frames; a page that is opened anew has to be prepared anew."""
    await page.evaluate(_SCRIPT, MAX_FRAMES)


async def watch_players(page: Page) -> set[str]:
    """Read from now on what the frontend's WebRTC players present; return their cameras."""
    await prepare(page)
    return set(await page.evaluate(_WATCH_PLAYERS))


async def drain(page: Page) -> list[Frame]:
    """Return the frames presented since the last call, in order."""
    frames = []
    for key, code, shown_ms in await page.evaluate("window.frameWatch.drain()"):
        tag = Tag.unpack(bytes.fromhex(code))
        # When it was asked for is not known; a camera's clock says when it was taken.
        frames.append(Frame(key, Picture("webrtc", tag, 0.0, float(shown_ms))))
    return frames
