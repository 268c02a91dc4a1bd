// Put into pages with a <lipwire-face> by the browser tests: notes its events, and how bright it is to the eye.

window.lipwireSeen = (face) => {
  const seen = { events: [], looks: [] };
  for (const name of ['playing', 'lost', 'ended', 'refused', 'muted']) {
    face.addEventListener(name, ({ detail }) => seen.events.push({ t: performance.now(), name, detail }));
  }
  const canvas = new OffscreenCanvas(16, 16);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const [video, still] = face.shadowRoot.querySelectorAll('video, canvas');
  const look = () => {
    context.clearRect(0, 0, 16, 16);
    // in the order in which they lie over each other; a video without a frame paints nothing
    if (getComputedStyle(video).opacity !== '0' && video.readyState >= 2) context.drawImage(video, 0, 0, 16, 16);
    if (!still.hidden) context.drawImage(still, 0, 0, 16, 16);
    const pixels = context.getImageData(0, 0, 16, 16).data;
    let sum = 0;
    for (let i = 0; i < pixels.length; i += 4) sum += pixels[i] + pixels[i + 1] + pixels[i + 2];
    seen.looks.push({ t: performance.now(), light: sum / (16 * 16 * 3) });
    requestAnimationFrame(look);
  };
  look();
  return seen;
};
