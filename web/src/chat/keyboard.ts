/** A telephone's keyboard covers the lower half of a page without telling the page's layout. */

/** Keeps `--height` at what can be seen, and the page from being pushed out of it. */
export function followKeyboard(): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const update = (): void => {
    // Zoomed in, the visible part is smaller without any keyboard.
    if (viewport.scale > 1.01) return;
    document.documentElement.style.setProperty("--height", `${Math.round(viewport.height)}px`);
    window.scrollTo(0, 0);
  };
  viewport.addEventListener("resize", update);
  viewport.addEventListener("scroll", update);
  update();
}
