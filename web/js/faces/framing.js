/** How a picture is framed: what a form's fields say, in the server's words. */

/**
 * `crop` is keep, portrait, square or landscape; `background` is keep, blur, green, a colour or picture, which then is
 * in `behind`.
 * @typedef {{crop: string, background: string, behind: ?File}} Framing
 */

const COLOUR = 'colour';
const PICTURE = 'picture';

/**
 * Read it from the fields of the dialog.
 * @param {{crop: string, background: string, colour: string, behind: ?File}} fields
 * @returns {?Framing} null where a picture is wanted and none was chosen yet
 */
export function framingOf({ crop, background, colour, behind }) {
  if (background === COLOUR) return { crop, background: colour, behind: null };
  if (background !== PICTURE) return { crop, background, behind: null };
  return behind ? { crop, background, behind } : null;
}

/** Whether a picture would stay as it is. @param {Framing} framing */
export function changesNothing({ crop, background }) {
  return crop === 'keep' && background === 'keep';
}
