/** The clipboard. */

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there now; pages without https may not write to it
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
