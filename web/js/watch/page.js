/** The page of one face: its address is the one that the page was opened at. */

import '../../embed.js';
import { part } from '../ui/part.js';
import { LipwireFace } from './face.js';

const face = part(document, 'lipwire-face', LipwireFace);

function watch() {
  face.src = location.href; // with the token, in the fragment or the query
}

addEventListener('hashchange', watch); // another link of the same session, put into the address bar
face.addEventListener('ended', () => (document.title = 'Lipwire: over'));
watch();
