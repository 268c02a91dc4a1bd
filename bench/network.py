"""``bench network``: sync in a real Chromium while a UDP relay between it and the server loses and delays packets."""

from __future__ import annotations

import argparse
import asyncio
import random
import re
from dataclasses import dataclass
from typing import Any

from playwright.async_api import async_playwright

from bench.report import report
from bench.server import server
from bench.sync import CHROMIUM_FLAGS, browser_path, measure

BAD_FROM_S, BAD_TO_S, TOTAL_S = 8.0, 48.0, 85.0  # of the test
RECOVERY_S = 5.0
CANDIDATE = re.compile(
    r"(a=candidate:\S+ \d+ udp \d+ )(\d+\.\d+\.\d+\.\d+) (\d+)( typ host[^\r\n]*\r\n)", re.IGNORECASE
)
CANDIDATES = re.compile(r"(a=candidate:[^\r\n]*\r\n)+")

# the browser is told of the relay alone, and the server of an address where nobody answers
DETOUR = r"""
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = async function ({ type, sdp }) {
  return set.call(this, { type, sdp: await window.rewriteAnswer(sdp) });
};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  const isOffer = typeof data === 'string' && data.includes('"offer"');
  const detour = 'a=candidate:1 1 udp 1 127.0.0.1 9 typ host\\r\\n';
  send.call(this, isOffer ? data.replace(/(a=candidate[^\\]*\\r\\n)+/g, detour) : data);
};
"""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is, from the server to the browser. Times in seconds, loss 0…1."""

    name: str
    loss: float = 0.0
    jitter_s: float = 0.0
    delay_s: float = 0.0


WEATHERS = (
    Weather("clear"),
    Weather("5% loss", loss=0.05),
    Weather("30 ms jitter", jitter_s=0.03),
    Weather("100 ms delay", delay_s=0.1),
    Weather("all at once", loss=0.05, jitter_s=0.03, delay_s=0.1),
)


class Relay(asyncio.DatagramProtocol):
    """Carries datagrams between one browser and the server, through ``weather`` on the way to the browser."""

    def __init__(self) -> None:
        self.weather = Weather("clear")
        self._server: tuple[str, int] | None = None
        self._browser: tuple[str, int] | None = None
        self._random = random.Random(1)

    async def start(self, server: tuple[str, int]) -> int:
        """Listen for the browser; returns the port."""
        self._server = server
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(server[0], 0))
        return int(self._transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Pass a datagram on to the other side."""
        if address != self._server:
            self._browser = address
            self._transport.sendto(data, self._server)
        elif self._browser is not None and self._random.random() >= self.weather.loss:
            late_s = self.weather.delay_s + self._random.random() * self.weather.jitter_s
            asyncio.get_running_loop().call_later(late_s, self._transport.sendto, data, self._browser)

    def close(self) -> None:
        """Stop carrying."""
        self._transport.close()


def main(arguments: list[str] | None = None) -> int:
    """Measure every kind of weather: before it, in it, and from five seconds after it."""
    parser = argparse.ArgumentParser(prog="bench network")
    parser.add_argument("--mode", default="clip", choices=["clip", "live"])
    args = parser.parse_args(arguments)
    with server() as served:
        rows = [asyncio.run(brave(served.url, weather, args.mode)) for weather in WEATHERS]
    report("network", rows)
    return 0


async def brave(url: str, weather: Weather, mode: str) -> dict[str, Any]:
    """Run the self-test through the weather."""
    relay = Relay()

    async def rewrite(sdp: str) -> str:
        found = CANDIDATE.search(sdp)
        assert found is not None, "the answer holds no candidate"
        port = await relay.start((found[2], int(found[3])))
        detour = f"{found[1]}{found[2]} {port}{found[4]}"
        return CANDIDATES.sub(detour, sdp)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path(), args=list(CHROMIUM_FLAGS))
        page = await browser.new_page()
        await page.expose_function("rewriteAnswer", rewrite)
        await page.add_init_script(DETOUR)
        change = asyncio.create_task(change_weather(relay, weather))
        result = await measure(page, url, mode=mode, seconds=TOTAL_S)
        change.cancel()
        await browser.close()
    relay.close()
    return row_of(weather, result)


async def change_weather(relay: Relay, weather: Weather) -> None:
    """Let the weather come and go."""
    await asyncio.sleep(BAD_FROM_S)
    relay.weather = weather
    await asyncio.sleep(BAD_TO_S - BAD_FROM_S)
    relay.weather = Weather("clear")


def row_of(weather: Weather, result: dict[str, Any]) -> dict[str, Any]:
    """Summarise the offsets before, in and after the weather."""

    def worst(from_s: float, to_s: float) -> float | None:
        found = sorted(abs(pair["offsetMs"]) for pair in result["pairs_all"] if from_s <= pair["atS"] < to_s)
        return found[min(len(found) - 1, int(0.95 * len(found)))] if found else None

    return {
        "network": weather.name,
        "before_abs_p95_ms": worst(3, BAD_FROM_S - 1),
        "in_it_abs_p95_ms": worst(BAD_FROM_S, BAD_TO_S),
        "healed_abs_p95_ms": worst(BAD_TO_S + RECOVERY_S, TOTAL_S),
        "pairs_in_it": len([pair for pair in result["pairs_all"] if BAD_FROM_S <= pair["atS"] < BAD_TO_S]),
        "packets_lost": result["sound"]["packets_lost"],
        "concealed_percent": result["sound"]["concealed_percent"],
        "stretched_percent": result["sound"]["stretched_percent"],
    }
