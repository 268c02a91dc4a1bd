/** Dropping a picture or a video: anywhere on the page, and the stage lights up to say so. */

/**
 * Hand dropped files on.
 * @param {HTMLElement} stage gets the class `is-target` while a file is over the page
 * @param {(file: File) => void} onFile
 */
export function acceptDrops(stage, onFile) {
  let depth = 0; // dragenter and dragleave come for every element passed on the way
  const light = (change) => {
    depth = Math.max(0, change(depth));
    stage.classList.toggle('is-target', depth > 0);
  };
  const on = (name, act) =>
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      // Left alone, the browser would open the file in place of the page.
      event.preventDefault();
      act(event);
    });
  on('dragenter', () => light((count) => count + 1));
  on('dragleave', () => light((count) => count - 1));
  on('dragover', (event) => (event.dataTransfer.dropEffect = 'copy'));
  on('drop', (event) => {
    light(() => 0);
    const [file] = event.dataTransfer.files;
    if (file) onFile(file);
  });
}
