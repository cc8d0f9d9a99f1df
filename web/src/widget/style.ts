/** Looks of the launcher and of the frame around the chat; colours come as properties. */

const CSS = `
:host { all: initial; }
* { box-sizing: border-box; }
.right, .left { --ground: #fff; --text: #17202e; --line: #c6cfdb; --link: #1d4ed8; }
.dark { --ground: #0e131b; --text: #e7ecf3; --line: #3b4a5f; --link: #60a5fa; }
.launcher {
  position: fixed; bottom: max(var(--bottom), env(safe-area-inset-bottom)); z-index: 1; width: 60px; height: 60px; padding: 0;
  border: 0; border-radius: 50%; cursor: pointer; display: grid; place-items: center;
  background: var(--color); color: var(--on-color);
  box-shadow: 0 2px 6px rgb(15 23 42 / 20%), 0 10px 28px rgb(15 23 42 / 24%);
  transition: transform .15s ease, opacity .2s ease, visibility .2s;
}
.launcher:hover { transform: scale(1.06); }
.launcher:focus-visible { outline: 3px solid var(--color); outline-offset: 3px; }
.launcher.waiting { opacity: 0; visibility: hidden; }
.bare .launcher { display: none; }
.bare .panel { --above: var(--bottom); }
.status { position: fixed; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.right .launcher { right: max(var(--x), env(safe-area-inset-right)); }
.left .launcher { left: max(var(--x), env(safe-area-inset-left)); }
.right .teaser { right: min(var(--x), 100vw - 320px); }
.left .teaser { left: min(var(--x), 100vw - 320px); }
.right .panel { right: min(var(--x), 100vw - 412px); }
.left .panel { left: min(var(--x), 100vw - 412px); }
svg { width: 28px; height: 28px; fill: none; stroke: currentColor; stroke-width: 1.9;
  stroke-linecap: round; stroke-linejoin: round; }
.launcher .x, .open .launcher .c { display: none; }
.open .launcher .x { display: block; }
.badge {
  position: absolute; top: -3px; right: -3px; min-width: 22px; height: 22px; padding: 0 6px;
  border-radius: 11px; border: 2px solid #fff; background: #d92626; color: #fff;
  font: 600 12px/18px system-ui, sans-serif; text-align: center;
}
.badge::after { content: attr(data-count); }
.badge:not([data-count]), .badge[data-count=""], .open .badge { display: none; }
.teaser {
  position: fixed; bottom: calc(var(--bottom) + 74px); z-index: 1; display: flex;
  max-width: min(300px, 100vw - 40px); border-radius: 14px; overflow: hidden;
  background: var(--ground); color: var(--text);
  box-shadow: 0 2px 8px rgb(15 23 42 / 14%), 0 10px 30px rgb(15 23 42 / 20%);
}
.teaser[hidden], .bare .teaser { display: none; }
.teaser button { border: 0; background: none; color: inherit; cursor: pointer;
  font: 14px/1.45 system-ui, sans-serif; }
.teaser button:focus-visible { outline: 2px solid var(--link); outline-offset: -3px;
  border-radius: 14px; }
.words { padding: 12px 0 12px 14px; text-align: start; }
.words b { display: block; }
.words span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3;
  overflow: hidden; overflow-wrap: anywhere; }
.dismiss { flex: none; align-self: flex-start; width: 36px; height: 40px; padding: 0; }
.dismiss svg { width: 18px; height: 18px; }
.panel {
  /* Of a size to talk in also where the launcher is far from the edges. */
  --tall: max(min(660px, 100vh - var(--above) - 20px), min(440px, 100vh - 40px));
  --above: calc(var(--bottom) + 76px);
  position: fixed; bottom: min(var(--above), 100vh - var(--tall) - 20px); z-index: 2;
  width: 392px; height: var(--tall);
  overflow: hidden; border-radius: 16px; background: var(--ground);
  box-shadow: 0 4px 12px rgb(15 23 42 / 12%), 0 18px 50px rgb(15 23 42 / 26%);
  opacity: 0; visibility: hidden; transform: translateY(12px);
  transition: opacity .18s ease, transform .18s ease, visibility .18s;
}
/* Visible at once: what is not cannot be given the focus. */
.open .panel { opacity: 1; visibility: visible; transform: none; transition-property: opacity, transform; }
iframe { display: block; width: 100%; height: 100%; border: 0; background: transparent; }
.notice {
  position: absolute; inset: 0; display: flex; flex-direction: column; gap: 14px; padding: 32px;
  align-items: center; justify-content: center; text-align: center; background: var(--ground);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif;
}
.notice[hidden] { display: none; }
.notice a { color: var(--link); }
.notice button { border: 1px solid var(--line); border-radius: 8px; background: none; cursor: pointer;
  padding: 8px 18px; font: inherit; color: inherit; }
.notice .closer { position: absolute; top: 10px; right: 10px; width: 44px; height: 44px; padding: 0;
  border: 0; display: grid; place-items: center; }
.notice .closer svg { width: 24px; height: 24px; }
.spinner { width: 28px; height: 28px; border-radius: 50%; border: 3px solid var(--line);
  border-top-color: var(--color); animation: turn .9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (max-width: 520px), (max-height: 460px) {
  .panel, .left .panel, .right .panel { inset: 0; width: auto; max-width: none; border-radius: 0;
    top: var(--top, 0); bottom: auto; height: var(--height, 100dvh); }
  .open .launcher { visibility: hidden; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
`;

/** A page's policy against styles in its markup does not apply to sheets that are made by scripts. */
export function dress(root: ShadowRoot): void {
  if ("adoptedStyleSheets" in root && "replaceSync" in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    return;
  }
  const style = document.createElement("style"); // browsers before 2023
  style.textContent = CSS;
  root.append(style);
}

/** Where a telephone shows the chat on the whole of its screen. */
export const FULL_SCREEN = "(max-width: 520px), (max-height: 460px)";
