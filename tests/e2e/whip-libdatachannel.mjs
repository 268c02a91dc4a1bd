/** The receiving side of a WHIP push on libdatachannel. */
import { PeerConnection, RtcpReceivingSession } from 'node-datachannel';

const RTPMAP = /^a=rtpmap:(\d+) (\w+)\//gm;

export class Peer {
  /** It answers with all that is offered, by payload type; `codec` is not heard. See whip-werift.mjs. */
  constructor(_codec, hear) {
    Object.assign(this, { hear, tracks: [] });
    this.peer = new PeerConnection('receiver', { iceServers: [] });
    this.peer.onTrack((track) => this.take(track));
  }

  answer(offer) {
    const gathered = new Promise((resolve) => {
      this.peer.onGatheringStateChange((state) => state === 'complete' && resolve());
    });
    this.codecs = Object.fromEntries([...offer.matchAll(RTPMAP)].map(([, number, name]) => [number, name]));
    this.peer.setRemoteDescription(offer, 'offer');
    return gathered.then(() => this.peer.localDescription().sdp);
  }

  take(track) {
    const heard = this.hear(track.type(), this.codecs);
    track.setMediaHandler(new RtcpReceivingSession());
    track.onMessage((packet) => heard.take(Buffer.from(packet)));
    this.tracks.push(track);
  }

  askForKey() {
    for (const track of this.tracks) if (track.type() === 'video' && track.isOpen()) track.requestKeyframe();
  }

  close() {
    this.peer.close();
  }
}
