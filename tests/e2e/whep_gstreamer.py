"""A WHEP player made of GStreamer's webrtcbin, for the system's Python: ``whep_gstreamer.py URL TOKEN SECONDS``.

Trickles its candidates, and prints at the end what it decoded, as JSON. Exit status 3: something is not installed.
"""

# mypy: ignore-errors
# GStreamer's bindings have no types.
from __future__ import annotations

import array
import json
import sys
import urllib.parse
import urllib.request

MISSING = 3

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstWebRTC", "1.0")
    gi.require_version("GstSdp", "1.0")
    from gi.repository import GLib, Gst, GstSdp, GstWebRTC
except (ImportError, ValueError) as missing:
    print(missing)
    sys.exit(MISSING)

CAPS = {
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2",
    "video": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
}
DECODERS = {
    "audio": "rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,channels=1 ! "
    "appsink name=out sync=false",
    "video": "rtpvp8depay ! vp8dec ! appsink name=out sync=false",
}
NEEDED = ("webrtcbin", "nicesrc", "dtlsdec", "srtpdec", "rtpopusdepay", "opusdec", "rtpvp8depay", "vp8dec")


class Player:
    """Watches until told to stop; what it got is in ``seen``."""

    def __init__(self, url, token):
        self.seen = {"pictures": 0, "sounds": 0, "energy": 0.0, "patches": []}
        self._url, self._token, self._resource, self._waiting = url, token, None, []
        self._pipeline = Gst.Pipeline.new("player")
        self._bin = Gst.ElementFactory.make("webrtcbin")
        self._bin.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self._pipeline.add(self._bin)
        for kind in ("audio", "video"):
            caps = Gst.Caps.from_string(CAPS[kind])
            self._bin.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
        self._bin.connect(
            "on-ice-candidate", lambda _, index, candidate: GLib.idle_add(self._trickle, index, candidate)
        )
        self._bin.connect("pad-added", self._decode)

    def start(self):
        self._pipeline.set_state(Gst.State.PLAYING)
        self._bin.emit("create-offer", None, Gst.Promise.new_with_change_func(self._offer))

    def stop(self):
        self._ask(self._resource, "DELETE", None, None)
        self._pipeline.set_state(Gst.State.NULL)

    def _offer(self, promise):
        reply = promise.get_reply()  # the offer lives in it
        offer = reply.get_value("offer")
        sdp = offer.sdp.as_text()
        self._bin.emit("set-local-description", offer, Gst.Promise.new())
        GLib.idle_add(self._send_offer, sdp)

    def _send_offer(self, sdp):
        reply, answer = self._ask(self._url, "POST", sdp, "application/sdp")
        self._resource = urllib.parse.urljoin(self._url, reply.headers["Location"])
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self._bin.emit("set-remote-description", description, Gst.Promise.new())
        for candidate in self._waiting:
            self._trickle(*candidate)

    def _trickle(self, index, candidate):
        if self._resource is None:
            self._waiting.append((index, candidate))
            return
        local = self._bin.get_property("local-description").sdp.as_text().splitlines()
        names = [next(line for line in local if line.startswith(name)) for name in ("a=ice-ufrag", "a=ice-pwd")]
        mid = [line for line in local if line.startswith("a=mid:")][index]
        fragment = [*names, "m=audio 9 UDP/TLS/RTP/SAVPF 0", mid]
        fragment += ["a=" + candidate] if candidate else ["a=end-of-candidates"]
        reply, _ = self._ask(self._resource, "PATCH", "\r\n".join([*fragment, ""]), "application/trickle-ice-sdpfrag")
        self.seen["patches"].append(reply.status)

    def _ask(self, url, method, body, media_type):
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Content-Type": media_type} if media_type else {})
        asked = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
        with urllib.request.urlopen(asked, timeout=10) as reply:
            return reply, reply.read().decode()

    def _decode(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        decoder = Gst.parse_bin_from_description(DECODERS[kind], True)
        sink = decoder.get_by_name("out")
        sink.set_property("emit-signals", True)
        sink.connect("new-sample", self._heard if kind == "audio" else self._saw)
        self._pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def _saw(self, sink):
        sink.emit("pull-sample")
        self.seen["pictures"] += 1
        return Gst.FlowReturn.OK

    def _heard(self, sink):
        buffer = sink.emit("pull-sample").get_buffer()
        samples = array.array("h", buffer.extract_dup(0, buffer.get_size()))
        self.seen["sounds"] += 1
        self.seen["energy"] += sum((sample / 32768) ** 2 for sample in samples) / 48_000
        return Gst.FlowReturn.OK


def main(url, token, seconds):
    """Watch until two seconds were seen and heard, or the time is over."""
    Gst.init(None)
    lacking = [name for name in NEEDED if Gst.ElementFactory.find(name) is None]
    if lacking:
        print("no", ", ".join(lacking))
        return MISSING
    player, loop = Player(url, token), GLib.MainLoop()

    def look():
        seen = player.seen
        if seen["pictures"] >= 50 and seen["sounds"] >= 50 and seen["energy"] > 1e-3:
            loop.quit()
        return True

    player.start()
    GLib.timeout_add(50, look)
    GLib.timeout_add_seconds(int(seconds), loop.quit)
    loop.run()
    player.stop()
    print(json.dumps(player.seen))
    return 0


sys.exit(main(*sys.argv[1:]))
