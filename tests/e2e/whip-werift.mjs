/** The receiving side of a WHIP push on werift. */
import { RTCPeerConnection, RTCRtpCodecParameters, RtcpSrPacket } from 'werift';

const feedback = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'goog-remb' }];
const pictureCodecs = [
  new RTCRtpCodecParameters({
    mimeType: 'video/H264',
    clockRate: 90000,
    rtcpFeedback: feedback,
    parameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
  }),
  new RTCRtpCodecParameters({ mimeType: 'video/VP8', clockRate: 90000, rtcpFeedback: feedback }),
];
const voiceCodecs = [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48000, channels: 2 })];

export class Peer {
  /** `codec` alone is taken for pictures, where it is named; `hear` gives a track's kind and codecs a listener. */
  constructor(codec, hear) {
    const video = pictureCodecs.filter((each) => each.mimeType.includes(codec));
    this.peer = new RTCPeerConnection({ codecs: { audio: voiceCodecs, video } });
    this.askForKey = () => {};
    this.peer.onTrack.subscribe((track) => this.take(track, hear));
  }

  async answer(offer) {
    await this.peer.setRemoteDescription({ type: 'offer', sdp: offer });
    for (const transceiver of this.peer.getTransceivers()) transceiver.setDirection('recvonly');
    await this.peer.setLocalDescription(await this.peer.createAnswer());
    return this.peer.localDescription.sdp;
  }

  take(track, hear) {
    const { receiver, codecs } = this.peer.getTransceivers().find((each) => each.kind === track.kind);
    const names = codecs.map((each) => [each.payloadType, each.mimeType.split('/')[1]]);
    const heard = hear(track.kind, Object.fromEntries(names));
    track.onReceiveRtp.subscribe((rtp) => heard.take(rtp.serialize()));
    receiver.onRtcp.subscribe((packet) => {
      if (packet instanceof RtcpSrPacket) heard.take(packet.serialize());
    });
    if (track.kind === 'video') {
      this.askForKey = () => receiver.sendRtcpPLI(track.ssrc).catch(() => {});
      this.askForKey();
    }
  }

  close() {
    return this.peer.close();
  }
}
