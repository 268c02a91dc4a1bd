/**
 * A WHIP server (RFC 9725) on werift's WebRTC, for tests: `node whip-receiver.mjs PORT [TOKEN] [CODEC]`.
 *
 * POST /whip takes an offer, DELETE /whip/N ends it. GET /report tells what came in.
 * It asks for a key frame of whatever begins, and again each second.
 */
import { createServer } from 'node:http';
import { RTCPeerConnection, RTCRtpCodecParameters, RtcpSrPacket } from 'werift';

const [port, token = '', codec = ''] = process.argv.slice(2);
const BODY_BYTES = 256 * 1024;
const PLI_MS = 1000;

const feedback = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'goog-remb' }];
const pictureCodecs = [
  new RTCRtpCodecParameters({
    mimeType: 'video/H264',
    clockRate: 90000,
    rtcpFeedback: feedback,
    parameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
  }),
  new RTCRtpCodecParameters({ mimeType: 'video/VP8', clockRate: 90000, rtcpFeedback: feedback }),
].filter((each) => each.mimeType.includes(codec));
const voiceCodecs = [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48000, channels: 2 })];

const secondsOf = (ntp) => Number(ntp >> 32n) + Number(ntp & 0xffffffffn) / 2 ** 32;

/** Whether a packet holds the beginning of a key picture. */
const beginsKey = {
  'video/H264': (payload) => {
    const kind = payload[0] & 0x1f;
    if (kind === 28) return (payload[1] & 0x9f) === 0x85; // FU-A: the first part of an IDR slice
    if (kind !== 24) return kind === 5;
    for (let at = 1; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at)) {
      if ((payload[at + 2] & 0x1f) === 5) return true;
    }
    return false;
  },
  'video/VP8': (payload) => {
    if ((payload[0] & 0x17) !== 0x10) return false; // not the start of the first partition
    let at = 1;
    if (payload[0] & 0x80) {
      const extended = payload[1];
      at = 2;
      if (extended & 0x80) at += payload[at] & 0x80 ? 2 : 1;
      if (extended & 0x40) at += 1;
      if (extended & 0x30) at += 1;
    }
    return (payload[at] & 1) === 0;
  },
};

class Push {
  constructor(id, offer) {
    this.id = id;
    this.offer = offer;
    this.ended = false;
    this.tracks = {};
    this.peer = new RTCPeerConnection({ codecs: { audio: voiceCodecs, video: pictureCodecs } });
    this.peer.onTrack.subscribe((track) => this.take(track));
  }

  async answer() {
    await this.peer.setRemoteDescription({ type: 'offer', sdp: this.offer });
    for (const transceiver of this.peer.getTransceivers()) transceiver.setDirection('recvonly');
    await this.peer.setLocalDescription(await this.peer.createAnswer());
    return this.peer.localDescription.sdp;
  }

  take(track) {
    const transceiver = this.peer.getTransceivers().find((each) => each.kind === track.kind);
    const heard = { codec: '', packets: 0, bytes: 0, frames: 0, keys: 0, gaps: 0, timestamps: [], reports: [] };
    this.tracks[track.kind] = heard;
    let [sequence, timestamp] = [null, null];
    track.onReceiveRtp.subscribe((rtp) => {
      const { header, payload } = rtp;
      heard.codec = transceiver.codecs.find((each) => each.payloadType === header.payloadType)?.mimeType ?? '';
      heard.packets += 1;
      heard.bytes += payload.length;
      if (sequence !== null && header.sequenceNumber !== ((sequence + 1) & 0xffff)) heard.gaps += 1;
      sequence = header.sequenceNumber;
      if (header.timestamp !== timestamp) {
        heard.frames += 1;
        if (heard.timestamps.length < 1000) heard.timestamps.push(header.timestamp);
      }
      timestamp = header.timestamp;
      if (beginsKey[heard.codec]?.(payload)) heard.keys += 1;
    });
    transceiver.receiver.onRtcp.subscribe((packet) => {
      if (packet instanceof RtcpSrPacket) {
        const { ntpTimestamp, rtpTimestamp } = packet.senderInfo;
        heard.reports.push({ ntp_s: secondsOf(ntpTimestamp), rtp: rtpTimestamp });
      }
    });
    if (track.kind === 'video') {
      const ask = () => transceiver.receiver.sendRtcpPLI(track.ssrc).catch(() => {});
      ask();
      this.asking = setInterval(ask, PLI_MS);
    }
  }

  async end() {
    this.ended = true;
    clearInterval(this.asking);
    await this.peer.close();
  }

  report() {
    return { id: this.id, ended: this.ended, state: this.peer.connectionState, offer: this.offer, ...this.tracks };
  }
}

const pushes = [];
let refused = 0;

async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_BYTES) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

async function respond(request, response) {
  const path = request.url;
  if (request.method === 'GET' && path === '/report') {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ refused, pushes: pushes.map((push) => push.report()) }));
  } else if (token && request.headers.authorization !== `Bearer ${token}`) {
    refused += 1;
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer' }).end();
  } else if (request.method === 'POST' && path === '/whip') {
    const push = new Push(pushes.length, await bodyOf(request));
    pushes.push(push);
    const answer = await push.answer();
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: `/whip/${push.id}` }).end(answer);
  } else if (request.method === 'DELETE' && path.startsWith('/whip/')) {
    await pushes[Number(path.slice('/whip/'.length))]?.end();
    response.writeHead(200).end();
  } else {
    response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  respond(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(Number(port), '127.0.0.1', () => console.log(`listens on ${server.address().port}`));
