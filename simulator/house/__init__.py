"""A running Home Assistant around the simulated home, driven and judged from the far end.

``hass`` and the simulated home run as processes of their own and are spoken to only as a
user's browser, a display or a script would: REST, WebSocket, HLS, Chromium. Nothing here
imports the integration. What a picture is judged by is the tag drawn into it.
"""
