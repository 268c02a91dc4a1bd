/** The elements that a module works on. */

/**
 * Find an element that has to be there; a page without it is a fault of ours.
 * @template {Element} Kind
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function part(parent, selector, kind) {
  const found = parent.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`The page has no ${kind.name} at ${selector}`);
  return found;
}
