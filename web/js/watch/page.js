/** The page of one face: its address is the one that the page was opened at. */

import '../../embed.js';
import { part } from '../ui/part.js';
import { WATCH_PAGE } from './address.js';
import { LipwireFace } from './face.js';

const face = part(document, 'lipwire-face', LipwireFace);

function watch() {
  const isWhole = WATCH_PAGE.test(location.pathname);
  face.hidden = !isWhole;
  part(document, '#no-session', HTMLElement).hidden = isWhole;
  if (isWhole) face.src = location.href; // with the token, in the fragment or the query
}

addEventListener('hashchange', watch); // another link of the same session, put into the address bar
face.addEventListener('ended', () => (document.title = 'Lipwire: over'));
watch();
