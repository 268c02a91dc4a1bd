"""A visitor inside a network of its own: ``network_viewer.py URL KEY POLICY SECONDS PATIENCE``.

Makes a session, lets it speak, watches it on ``/watch`` in a real Chromium, and prints what was played and by which
path, as JSON. ``POLICY`` is a browser's iceTransportPolicy: ``all`` or ``relay``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import httpx
import soundfile
import websockets
from playwright.async_api import async_playwright

from app.assets import SAMPLE

PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(settings) { super({ ...settings, iceTransportPolicy: 'POLICY' }); window.peers.push(this); }
  setConfiguration(settings) { super.setConfiguration({ ...settings, iceTransportPolicy: 'POLICY' }); }
};
"""
SEEN = """async () => {
  const peer = window.peers.at(-1);
  if (!peer) return {};
  const reports = [...(await peer.getStats()).values()];
  const inbound = (kind) => reports.find((each) => each.type === 'inbound-rtp' && each.kind === kind) ?? {};
  const transport = reports.find(({ type }) => type === 'transport') ?? {};
  const pair = reports.find(({ id }) => id === transport.selectedCandidatePairId) ?? {};
  const local = reports.find(({ id }) => id === pair.localCandidateId) ?? {};
  const remote = reports.find(({ id }) => id === pair.remoteCandidateId) ?? {};
  return {
    state: peer.connectionState,
    pictures: inbound('video').framesDecoded ?? 0,
    samples: inbound('audio').totalSamplesReceived ?? 0,
    energy: inbound('audio').totalAudioEnergy ?? 0,
    local: local.candidateType ?? null,
    relayed_over: local.relayProtocol ?? null,
    remote: remote.candidateType ?? null,
    remote_address: remote.address ?? null,
  };
}"""


async def main(url: str, key: str, policy: str, seconds: str, patience: str) -> dict[str, Any]:
    """Watch, and return what was seen."""
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        response = await client.post("/api/sessions", json={"engine": "clapper", "mode": "agent"}, timeout=30)
        response.raise_for_status()
    made = response.json()
    pcm, rate = soundfile.read(SAMPLE, dtype="int16")
    feed = made["feed"]
    async with async_playwright() as playwright, websockets.connect(url.replace("http", "ws", 1) + "/ws") as socket:
        attach = {"session": made["id"], "token": feed["token"], "sample_rate": rate, "encoding": "pcm_s16le"}
        await socket.send(json.dumps({"type": "attach", "channels": 1, **attach}))
        browser = await playwright.chromium.launch(
            executable_path=os.environ["LIPWIRE_CHROMIUM"],
            args=["--no-sandbox", "--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page()
        await page.add_init_script(PEERS.replace("POLICY", policy))
        await page.goto(f"{url}/watch/{made['id']}#token={made['view']['token']}")
        seen: dict[str, Any] = {}
        deadline = asyncio.get_running_loop().time() + float(patience)
        while seen.get("state") != "connected" and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.3)
            seen = await page.evaluate(SEEN)
        if seen.get("state") == "connected":
            for start in range(0, len(pcm), rate):
                await socket.send(pcm[start : start + rate].tobytes())
            await socket.send(json.dumps({"type": "flush"}))
            await asyncio.sleep(float(seconds))
            seen = await page.evaluate(SEEN)
        await browser.close()
    return seen | {"ice_servers": made["ice_servers"]}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
