/**
 * A face in anybody's page:
 *
 *     <script type="module" src="https://HOST/web/embed.js"></script>
 *     <lipwire-face src="https://HOST/watch/ID#token=TOKEN"></lipwire-face>
 */

import { LipwireFace } from './js/watch/face.js';

if (!customElements.get('lipwire-face')) customElements.define('lipwire-face', LipwireFace);
