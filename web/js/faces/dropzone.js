/** Dropping a picture or a video: anywhere on the page, and the stage lights up to say so. */

/**
 * Hand dropped files on.
 * @param {HTMLElement} stage gets the class `is-target` while a file is over the page
 * @param {(file: File) => void} onFile
 */
export function acceptDrops(stage, onFile) {
  let depth = 0; // dragenter and dragleave come for every element passed on the way
  const light = (/** @type {number} */ count) => {
    depth = Math.max(0, count);
    stage.classList.toggle('is-target', depth > 0);
  };
  /** @param {'dragenter'|'dragleave'|'dragover'|'drop'} name @param {(data: DataTransfer) => void} act */
  const on = (name, act) =>
    document.addEventListener(name, (event) => {
      const data = event.dataTransfer;
      if (!data?.types.includes('Files')) return;
      // Left alone, the browser would open the file in place of the page.
      event.preventDefault();
      act(data);
    });
  on('dragenter', () => light(depth + 1));
  on('dragleave', () => light(depth - 1));
  on('dragover', (data) => (data.dropEffect = 'copy'));
  on('drop', (data) => {
    light(0);
    const [file] = data.files;
    if (file) onFile(file);
  });
}
