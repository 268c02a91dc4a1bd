/**
 * A WHIP server (RFC 9725) for tests: `node whip-receiver.mjs STACK PORT [TOKEN] [CODEC]`.
 *
 * STACK is whose WebRTC it speaks: werift (JavaScript) or libdatachannel (C++). POST /whip takes an offer, DELETE /whip/N
 * ends it. GET /report tells what came in. It asks for a key frame of whatever begins, and again each second.
 */
import { createServer } from 'node:http';

const [stack, port, token = '', codec = ''] = process.argv.slice(2);
const { Peer } = await import(`./whip-${stack}.mjs`);
const BODY_BYTES = 256 * 1024;
const MOST_TIMESTAMPS = 1000;
const PLI_MS = 1000;
const SENDER_REPORT = 200;

/** By codec: whether a payload holds the beginning of a key picture. */
const beginsKey = {
  H264: (payload) => {
    const kind = payload[0] & 0x1f;
    if (kind === 28) return (payload[1] & 0x9f) === 0x85; // FU-A: the first part of an IDR slice
    if (kind !== 24) return kind === 5;
    for (let at = 1; at + 2 < payload.length; at += 2 + payload.readUInt16BE(at)) {
      if ((payload[at + 2] & 0x1f) === 5) return true;
    }
    return false;
  },
  VP8: (payload) => {
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

/** What came in on one track. */
class Heard {
  constructor(codecs) {
    this.codecs = codecs; // payload type → name
    this.codec = '';
    Object.assign(this, { packets: 0, bytes: 0, frames: 0, keys: 0, gaps: 0, timestamps: [], reports: [] });
    this.sequence = this.timestamp = null;
  }

  take(packet) {
    if (packet.length < 12) return;
    if (packet[1] >= 192 && packet[1] <= 223) this.takeControl(packet);
    else this.takeMedia(packet);
  }

  takeMedia(packet) {
    const [sequence, timestamp] = [packet.readUInt16BE(2), packet.readUInt32BE(4)];
    let at = 12 + 4 * (packet[0] & 0x0f);
    if (packet[0] & 0x10) at += 4 + 4 * packet.readUInt16BE(at + 2);
    const payload = packet.subarray(at);
    this.codec = this.codecs[packet[1] & 0x7f] ?? '';
    this.packets += 1;
    this.bytes += payload.length;
    if (this.sequence !== null && sequence !== ((this.sequence + 1) & 0xffff)) this.gaps += 1;
    if (timestamp !== this.timestamp) {
      this.frames += 1;
      if (this.timestamps.length < MOST_TIMESTAMPS) this.timestamps.push(timestamp);
    }
    [this.sequence, this.timestamp] = [sequence, timestamp];
    if (payload.length > 2 && beginsKey[this.codec]?.(payload)) this.keys += 1;
  }

  takeControl(packet) {
    if (packet[1] !== SENDER_REPORT || packet.length < 28) return;
    const seconds = packet.readUInt32BE(8) + packet.readUInt32BE(12) / 2 ** 32;
    this.reports.push({ ntp_s: seconds, rtp: packet.readUInt32BE(16) });
  }

  report() {
    const { codec: name, packets, bytes, frames, keys, gaps, timestamps, reports } = this;
    return { codec: name, packets, bytes, frames, keys, gaps, timestamps, reports };
  }
}

class Push {
  constructor(id, offer) {
    Object.assign(this, { id, offer, ended: false, heard: {} });
    this.peer = new Peer(codec, (kind, codecs) => (this.heard[kind] = new Heard(codecs)));
    this.asking = setInterval(() => this.peer.askForKey(), PLI_MS);
  }

  async end() {
    this.ended = true;
    clearInterval(this.asking);
    await this.peer.close();
  }

  report() {
    const tracks = Object.entries(this.heard).map(([kind, heard]) => [kind, heard.report()]);
    return { id: this.id, ended: this.ended, offer: this.offer, ...Object.fromEntries(tracks) };
  }
}

const pushes = [];

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
    response.end(JSON.stringify({ pushes: pushes.map((push) => push.report()) }));
  } else if (token && request.headers.authorization !== `Bearer ${token}`) {
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer' }).end();
  } else if (request.method === 'POST' && path === '/whip') {
    const push = new Push(pushes.length, await bodyOf(request));
    pushes.push(push);
    const answer = await push.peer.answer(push.offer);
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
