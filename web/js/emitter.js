/** Events whose names and contents are known to whoever listens. */

/**
 * An EventTarget that dispatches CustomEvents.
 * @template {Record<string, unknown>} Events name of an event -> its detail; undefined where there is none
 */
export class Emitter extends EventTarget {
  /**
   * Call `act` with the detail of each event of that name.
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => unknown} act
   * @param {{signal?: AbortSignal, once?: boolean}} [options] as addEventListener takes them
   */
  on(name, act, options) {
    this.addEventListener(name, (event) => act(/** @type {CustomEvent<Events[Name]>} */ (event).detail), options);
  }

  /**
   * Dispatch an event, for the class itself.
   * @protected
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {Events[Name] extends undefined ? [] : [detail: Events[Name]]} detail
   */
  tell(name, ...detail) {
    this.dispatchEvent(new CustomEvent(name, { detail: detail[0] }));
  }
}
