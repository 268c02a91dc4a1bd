/** The choice of engine in the settings. */

/**
 * Fill the list: the engines there are, and a line for each that is not, with the reason.
 * @param {HTMLSelectElement} select
 * @param {HTMLElement} missing
 * @param {{engines: {name: string, available: boolean, why: ?string}[], auto: string}} known
 */
export function showEngines(select, missing, { engines, auto }) {
  const options = [new Option(`Automatic (${auto})`, 'auto')];
  for (const { name, available } of engines) if (available) options.push(new Option(name, name));
  select.replaceChildren(...options);
  const lines = engines
    .filter(({ available }) => !available)
    .map(({ name, why }) => {
      const line = document.createElement('li');
      line.textContent = why ? `${name}: ${why}` : `${name} is not available here.`;
      return line;
    });
  missing.replaceChildren(...lines);
}
