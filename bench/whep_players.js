// Bundled with the players themselves, for a page with a video in it.

import { WHEPClient } from 'whip-whep/whep.js';
import { WebRTCPlayer } from '@eyevinn/webrtc-player';

const peers = (window.peers = []);
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...settings) {
    super(...settings);
    peers.push(this);
  }
};
const video = document.querySelector('video');

window.players = {
  // trickles: its offer goes out before any candidate is known
  async medooze(url, token) {
    const peer = new window.RTCPeerConnection();
    const stream = new MediaStream();
    peer.ontrack = ({ track }) => {
      stream.addTrack(track);
      video.srcObject = stream;
    };
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    window.client = new WHEPClient();
    await window.client.view(peer, url, token);
  },
  async eyevinn(url, token) {
    window.client = new WebRTCPlayer({ video, type: 'whep', iceServers: [] });
    await window.client.load(new URL(url), `Bearer ${token}`);
  },
};

// What came in so far, as the browser counts it.
window.received = async () => {
  const peer = peers.at(-1);
  const reports = peer ? [...(await peer.getStats()).values()] : [];
  const inbound = (kind) => reports.find((each) => each.type === 'inbound-rtp' && each.kind === kind) ?? {};
  const transport = reports.find((each) => each.type === 'transport');
  return {
    state: peer?.connectionState,
    pictures: inbound('video').framesDecoded ?? 0,
    keyFrames: inbound('video').keyFramesDecoded ?? 0,
    freezes: inbound('video').freezeCount ?? 0,
    energy: inbound('audio').totalAudioEnergy ?? 0,
    samples: inbound('audio').totalSamplesReceived ?? 0,
    path: transport?.selectedCandidatePairId,
    iceUfrag: peer?.currentRemoteDescription?.sdp.match(/a=ice-ufrag:(.*)/)[1],
  };
};
