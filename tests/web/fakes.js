/** Stand-ins for what a browser has and Node has not. */

/** An element that finds its parts by selector, among those it was given. */
export class FakeElement extends EventTarget {
  textContent = '';
  attributes = new Map();
  children = [];

  constructor(parts = {}) {
    super();
    this.parts = parts;
  }

  querySelector(selector) {
    return this.parts[selector] ?? null;
  }

  setAttribute(name, value) {
    this.attributes.set(name, value);
  }

  getAttribute(name) {
    return this.attributes.get(name) ?? null;
  }

  replaceChildren(...children) {
    this.children = children;
  }
}

/** A socket whose other end is the test; the last one opened is `FakeSocket.last`. */
export class FakeSocket extends EventTarget {
  static OPEN = 1;
  static last = null;
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  closedWith = null;

  constructor(url) {
    super();
    this.url = url;
    FakeSocket.last = this;
  }

  /** Types of the text messages sent so far. */
  get types() {
    return this.sent.map(({ type }) => type);
  }

  send(data) {
    this.sent.push(typeof data === 'string' ? JSON.parse(data) : data);
  }

  close(code) {
    this.readyState = 3;
    this.closedWith = code;
  }

  open() {
    this.readyState = FakeSocket.OPEN;
    this.dispatchEvent(new Event('open'));
  }

  receive(message) {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
  }

  hangUp(code) {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }
}

/** A peer connection that is connected as soon as it has an answer, where the network lets it. */
export class FakeConnection extends EventTarget {
  static last = null;
  static isReachable = true;
  connectionState = 'new';
  iceGatheringState = 'complete';
  localDescription = { sdp: 'the offer' };

  constructor() {
    super();
    FakeConnection.last = this;
  }

  addTransceiver(kind) {
    return { receiver: { track: { kind }, jitterBufferTarget: null } };
  }

  async setLocalDescription() {}

  async setRemoteDescription() {
    if (FakeConnection.isReachable) this.become('connected');
  }

  become(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  async getStats() {
    return new Map();
  }

  close() {
    this.connectionState = 'closed';
  }
}

/** A microphone whose sound the test makes; the last one that was opened is `FakeMicrophone.last`. */
export class FakeMicrophone extends EventTarget {
  static last = null;
  /** @type {?string} the name of the error with which the browser refuses it */
  static refused = null;
  isOpen = true;
  port = Object.assign(new EventTarget(), { start() {} });

  static async open() {
    if (FakeMicrophone.refused) throw Object.assign(new Error('no'), { name: FakeMicrophone.refused });
    return (FakeMicrophone.last = new FakeMicrophone());
  }

  getTracks() {
    return [this];
  }

  getAudioTracks() {
    return [this];
  }

  stop() {
    this.isOpen = false;
  }

  /** Let it record so many pieces of 20 ms, all of them alike. */
  hear(count, sample = 8000) {
    for (let i = 0; i < count; i++) {
      const data = { pcm: new Int16Array(960).fill(sample).buffer, peak: sample / 0x7fff };
      this.port.dispatchEvent(Object.assign(new Event('message'), { data }));
    }
  }
}

/** The sound card, as far as a microphone needs it. */
class FakeAudioContext {
  sampleRate = 48_000;
  state = 'running';
  destination = {};
  audioWorklet = { addModule: async () => {} };

  createMediaStreamSource() {
    return { connect() {} };
  }

  resume() {}

  close() {
    this.state = 'closed';
  }
}

class FakeAudioWorkletNode {
  port = FakeMicrophone.last.port;

  connect() {}
}

/** Put the stand-ins where page modules look for them. */
export function pretendBrowser() {
  Object.assign(globalThis, {
    WebSocket: FakeSocket,
    RTCPeerConnection: FakeConnection,
    MediaStream: class { },
    HTMLElement: FakeElement,
    SVGElement: FakeElement,
    HTMLButtonElement: FakeElement,
    HTMLImageElement: FakeElement,
    location: { protocol: 'https:', host: 'face.test:8443', port: '8443' },
    window: { isSecureContext: true },
    AudioContext: FakeAudioContext,
    AudioWorkletNode: FakeAudioWorkletNode,
    document: { hidden: false, createElementNS: () => new FakeElement() },
  });
  // Node has a navigator of its own
  Object.defineProperty(globalThis, 'navigator', {
    value: { mediaDevices: { getUserMedia: FakeMicrophone.open } }, configurable: true,
  });
}

/** Let everything that is ready to go on do so. */
export async function settle() {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
