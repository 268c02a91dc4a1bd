/** How the face looks. A constructed sheet: no policy of the page around it takes that for inline style. */

export const STYLE = `
:host {
  --on-picture: #ffffff;
  --ground: var(--lipwire-ground, #1b2023);
  position: relative;
  display: inline-block;
  box-sizing: border-box;
  max-width: 100%;
  overflow: hidden;
  vertical-align: top;
  border-radius: var(--lipwire-radius, 0);
  background: var(--ground);
  color: var(--on-picture);
  font: 500 1rem/1.4 var(--lipwire-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
  text-align: start;
  isolation: isolate;
  container: lipwire-face / inline-size;
}

:host([hidden]), [hidden] { display: none !important; }

.poster, .picture, .still {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  object-fit: var(--lipwire-fit, contain);
}

.picture:not(.is-shown) { opacity: 0; } /* not hidden: what is not laid out gets no frames */
.poster { transition: filter 0.3s; }
.is-over .poster, .is-over .still, .is-over .picture { filter: saturate(0.35) brightness(0.55); }

/* Whatever a page's style does to it, it is there: of two that insist, the one in here goes before. It stands at the top
   of the picture (which may be less high than its place) and in the middle, off the mouth, and where it is seen also of a
   round one. Pixels: a page's text may be of any size. */
.mark {
  position: absolute !important;
  z-index: 1 !important;
  inset: calc(clamp(0px, (100% - 100cqi / var(--shape)) / 2, 30%) + min(7%, 24px)) 0 auto !important;
  display: block !important;
  box-sizing: border-box !important;
  width: fit-content !important;
  min-width: min-content !important;
  max-width: min(100% - 16px, 420px) !important;
  max-height: 30% !important;
  margin: 0 auto !important;
  padding: 0.2em 0.75em !important;
  overflow: hidden !important;
  visibility: visible !important;
  opacity: 1 !important;
  clip-path: none !important;
  filter: none !important;
  transform: none !important;
  border-radius: 1em;
  background: var(--lipwire-mark-ground, rgb(12 15 16 / 62%));
  color: var(--lipwire-mark-ink, #fff);
  font: inherit;
  font-size: clamp(9px, var(--lipwire-mark-size, min(3.4cqi, 13px)), 24px) !important;
  line-height: 1.5 !important;
  text-align: center;
  text-wrap: balance;
  pointer-events: none;
}

.line {
  position: absolute;
  inset: auto 0 0;
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  justify-content: center;
  gap: 0.5rem;
  padding: 0.75rem;
  pointer-events: none;
}

.status, .sound {
  box-sizing: border-box;
  display: inline-flex;
  align-items: center;
  gap: 0.5rem;
  min-height: 2.75rem;
  max-width: 100%;
  padding: 0.4rem 1rem;
  border: 1px solid rgb(255 255 255 / 30%);
  border-radius: 999px;
  background: rgb(12 15 16 / 72%);
  color: var(--on-picture);
  font: inherit;
  font-size: 0.9375rem;
}

.status { margin: 0; border-color: transparent; }
.status:empty { visibility: hidden; position: absolute; }

.lamp { flex: none; width: 0.6rem; height: 0.6rem; border-radius: 50%; background: #e5ab4d; animation: breathe 1.4s ease-in-out infinite; }
@keyframes breathe { 50% { opacity: 0.25; } }

.sound { cursor: pointer; pointer-events: auto; -webkit-tap-highlight-color: transparent; transition: background-color 0.15s, opacity 0.2s; }
.sound svg { flex: none; width: 1.375rem; height: 1.375rem; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.sound:hover { background: rgb(12 15 16 / 92%); border-color: var(--on-picture); }
.sound:focus-visible { outline: 3px solid var(--lipwire-accent, #63cdc3); outline-offset: 2px; }
.is-held { cursor: pointer; }
.is-held .sound { padding-inline: 0.9rem 1.2rem; background: var(--lipwire-accent, #63cdc3); border-color: transparent; color: var(--lipwire-accent-ink, #06211f); font-weight: 600; }
.is-held .sound:hover { background: color-mix(in srgb, var(--lipwire-accent, #63cdc3) 82%, #fff); }

/* While nobody asks for it, the button of a face that is heard does not stand in the picture; where nothing can hover,
   it does, dimly. It keeps to the middle, as the picture may be round. */
.frame:not(.is-held) .sound { width: 2.75rem; justify-content: center; padding: 0; opacity: 0; }
.frame:not(.is-held) .sound span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (hover: none) { .frame:not(.is-held) .sound { opacity: 0.75; } }
:host(:hover) .frame .sound.sound, .frame .sound.sound:focus-visible, .frame.is-held .sound.sound, .frame.is-muted .sound.sound { opacity: 1; }

.message {
  position: absolute;
  inset: 0;
  display: grid;
  place-content: center;
  justify-items: center;
  gap: 0.75rem;
  margin: 0;
  padding: 1.25rem;
  text-align: center;
  text-wrap: balance;
  font-size: clamp(0.9375rem, 4cqi, 1.2rem);
  overflow-wrap: anywhere;
}

.message::before {
  content: "";
  width: 2.25rem;
  height: 2.25rem;
  background: currentColor;
  opacity: 0.85;
  clip-path: path("M2 18C8 10.5 12 9 15 9c1.5 0 2.2.9 3 .9S19.5 9 21 9c3 0 7 1.5 13 9-6 7.5-10 10.5-16 10.5S8 25.5 2 18Z");
}

.has-picture .message { place-content: end center; padding-bottom: 1.25rem; text-shadow: 0 0 4px #000, 0 1px 14px #000; }
.has-picture .message::before { display: none; }

@container lipwire-face (max-width: 11rem) {
  .message::before { display: none; }
  .message { padding: 0.5rem; }
}

@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { .sound, .status, .mark { border: 1px solid; } .lamp { forced-color-adjust: none; } }
`;
