// Put into the page by the browser tests.

const peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...settings) {
    super(...settings);
    peers.push(this);
  }
};

// What the browser played of the latest session's voice in some seconds: samples, and their energy as loud as they
// leave for the loudspeaker, so none of a muted one.
window.lipwirePlayed = async (seconds) => {
  const read = async () => {
    const reports = [...(await peers.at(-1).getStats()).values()];
    return reports.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
  };
  await new Promise((resolve) => setTimeout(resolve, 1000)); // muting takes a moment, on a busy machine more
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const after = await read();
  return {
    samples: after.totalSamplesReceived - before.totalSamplesReceived,
    energy: after.totalAudioEnergy - before.totalAudioEnergy,
  };
};

// Watches the mouth's region of every frame that is shown, and the level of the sound that was received, for some
// seconds.
window.lipwireWatch = async (seconds, box) => {
  const video = document.querySelector('#video');
  const levels = [];
  const audio = new AudioContext();
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([`
    registerProcessor('level', class extends AudioWorkletProcessor {
      process([input]) {
        const samples = input[0];
        if (samples) {
          let sum = 0;
          for (const sample of samples) sum += sample * sample;
          this.port.postMessage(Math.sqrt(sum / samples.length));
        }
        return true;
      }
    });
  `], { type: 'text/javascript' })));
  const level = new AudioWorkletNode(audio, 'level', { numberOfOutputs: 0 });
  level.port.onmessage = ({ data }) => levels.push({ t: performance.now(), rms: data });
  audio.createMediaStreamSource(video.srcObject).connect(level);

  const canvas = new OffscreenCanvas(64, 48);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = (source, width, height) => {
    context.drawImage(
      source, box.x * width, box.y * height, box.width * width, box.height * height, 0, 0, 64, 48);
    return context.getImageData(0, 0, 64, 48).data;
  };
  const poster = new Image();
  poster.src = document.querySelector('#avatars label:has(:checked) img').src;
  await poster.decode();
  const rest = look(poster, poster.naturalWidth, poster.naturalHeight).slice();

  const frames = [];
  await new Promise((resolve) => {
    const until = performance.now() + seconds * 1000;
    const next = () => {
      const now = look(video, video.videoWidth, video.videoHeight);
      let sum = 0;
      for (let i = 0; i < now.length; i++) sum += Math.abs(now[i] - rest[i]);
      frames.push({ t: performance.now(), change: sum / (64 * 48 * 3) });
      if (performance.now() < until) video.requestVideoFrameCallback(next);
      else resolve();
    };
    video.requestVideoFrameCallback(next);
  });
  await audio.close();
  return { frames, levels };
};
