/** The microphone goes to the agent, the face comes from Lipwire. */

const RATE = 16_000;

const stage = document.querySelector('#stage');
const button = document.querySelector('#start');
const status = document.querySelector('#status');
const log = document.querySelector('#log');

const WORDS = {
  'you speak': 'I am listening.',
  'you stopped': 'I am thinking.',
  'face speaks': 'I am speaking: interrupt me if you like.',
  'face stopped': 'Say something.',
};

/** @param {string} watch the face's link, with its token */
async function show(watch) {
  const server = new URL(watch).origin;
  let face;
  try {
    await import(`${server}/web/embed.js`);
    face = document.createElement('lipwire-face');
  } catch {
    face = document.createElement('iframe'); // a server without the element
    face.allow = 'autoplay';
  }
  face.setAttribute('src', watch);
  face.addEventListener('playing', () => (stage.dataset.playing = 'yes'));
  stage.replaceChildren(face);
}

let isSpeaking = false;

/** @param {{type: string, text?: string, watch?: string}} message */
function hear(message) {
  if (message.type === 'interrupted' && !isSpeaking) return; // there was nothing to interrupt
  if (message.type === 'face speaks') isSpeaking = true;
  if (message.type === 'face stopped') isSpeaking = false;
  if (message.type === 'face' && message.watch) void show(message.watch);
  if (message.type in WORDS) status.textContent = WORDS[message.type];
  const last = log.lastElementChild;
  if (message.type === 'said' && last?.dataset.type === 'said') {
    last.textContent += ` ${message.text}`; // word by word
    return;
  }
  const line = document.createElement('li');
  line.dataset.type = message.type;
  line.textContent = message.type === 'said' ? message.text : message.type;
  log.append(line);
}

/** @param {MediaStream} stream @param {WebSocket} socket */
async function listen(stream, socket) {
  const audio = new AudioContext({ sampleRate: RATE });
  await audio.audioWorklet.addModule('/page/microphone-worklet.js');
  const worklet = new AudioWorkletNode(audio, 'microphone', { numberOfOutputs: 0 });
  worklet.port.onmessage = ({ data }) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
  };
  audio.createMediaStreamSource(stream).connect(worklet);
  socket.addEventListener('close', () => void audio.close());
}

async function start() {
  button.disabled = true;
  try {
    // the browser takes the face's own voice out of what the microphone hears
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, channelCount: 1 } });
    const socket = new WebSocket(new URL('/talk', location.href.replace(/^http/, 'ws')));
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => hear(JSON.parse(data));
    socket.onclose = () => {
      for (const track of stream.getTracks()) track.stop();
      status.textContent = 'The conversation is over.';
      button.disabled = false;
    };
    socket.onopen = () => {
      status.textContent = 'Say something.';
      void listen(stream, socket);
    };
  } catch (error) {
    status.textContent = `There is no microphone: ${error.message}`;
    button.disabled = false;
  }
}

button.addEventListener('click', () => void start());
