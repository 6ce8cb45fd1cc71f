"""A WebRTC viewer of its own that, unlike a dashboard, never lets go of what it has got."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.house import frames
from simulator.house.errors import ApiError

if TYPE_CHECKING:
    from playwright.async_api import Page

    from simulator.house.client import HassClient, Json

ANSWER_TIMEOUT = 20.0
"""Seconds until Home Assistant must have answered an offer: go2rtc reads the stream first."""

_OFFER = """async (key) => {
  window.peers = window.peers || {};
  const peer = new RTCPeerConnection();
  const video = document.createElement('video');
  video.muted = video.autoplay = true;
  document.body.append(video);
  window.frameWatch.watch(video, key);
  window.peers[key] = { peer, video };
  peer.ontrack = (event) => { video.srcObject = new MediaStream([event.track]); };
  peer.addTransceiver('video', { direction: 'recvonly' });
  await peer.setLocalDescription(await peer.createOffer());
  if (peer.iceGatheringState !== 'complete')
    await new Promise((done) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
      setTimeout(done, 2000);
    });
  return peer.localDescription.sdp;
}"""
_ANSWER = """([key, sdp]) => window.peers[key].peer.setRemoteDescription({ type: 'answer', sdp })"""
_CANDIDATE = """([key, candidate]) => window.peers[key].peer.addIceCandidate(
  { sdpMid: '0', ...candidate })"""
_DECODED = """async (key) => {
  let decoded = 0;
  for (const report of (await window.peers[key].peer.getStats()).values())
    if (report.type === 'inbound-rtp') decoded += report.framesDecoded || 0;
  return decoded;
}"""
_CLOSE = """(key) => {
  window.peers[key].peer.close();
  window.peers[key].video.remove();
  delete window.peers[key];
}"""


class PeerViewer:
    """One peer connection in a page, offered to Home Assistant by its API.

    The frames it presents come out of the page by :func:`frames.drain` under :attr:`key`.
    """

    def __init__(self, page: Page, entity_id: str, number: int) -> None:
        """Describe a viewer of ``entity_id``; ``number`` tells several in one page apart."""
        self._page = page
        self._entity_id = entity_id
        self.key = f"{entity_id} #{number}"

    async def open(self, client: HassClient) -> None:
        """Offer, and take the answer; raises :class:`ApiError` when there is none."""
        await frames.prepare(self._page)
        offer: str = await self._page.evaluate(_OFFER, self.key)
        events: asyncio.Queue[Json] = asyncio.Queue()
        await client.subscribe(
            events.put_nowait, "camera/webrtc/offer", entity_id=self._entity_id, offer=offer
        )
        candidates: list[Json] = []
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                while (event := await events.get())["type"] != "answer":
                    if event["type"] == "error":
                        raise ApiError("camera/webrtc/offer", event["code"], event["message"])
                    if event["type"] == "candidate":
                        candidates.append(event["candidate"])
        except TimeoutError:
            raise ApiError("camera/webrtc/offer", "timeout", "no answer") from None
        await self._page.evaluate(_ANSWER, [self.key, event["answer"]])
        # go2rtc sends what it has within the moment after its answer.
        await asyncio.sleep(0.3)
        while not events.empty():
            event = events.get_nowait()
            if event["type"] == "candidate":
                candidates.append(event["candidate"])
        for candidate in candidates:
            await self._page.evaluate(_CANDIDATE, [self.key, candidate])

    async def decoded(self) -> int:
        """Return how many frames its decoder has put out so far."""
        return int(await self._page.evaluate(_DECODED, self.key))

    async def close(self) -> None:
        """Hang up."""
        await self._page.evaluate(_CLOSE, self.key)
