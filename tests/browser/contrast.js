// The worst contrast of each kind of text on the page to the ground behind it (WCAG 2).
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" && element.parentElement ? behind(element.parentElement)
      : colour;
  };
  const worst = {};
  const texts = ".bar a, summary, .sections a, main :is(p, li, h1, h2, td, th, code, pre, a)," +
    " .highlight span";
  for (const element of document.querySelectorAll(texts)) {
    if (!element.textContent.trim() || element.closest(".mt-explorer, mjx-container")) continue;
    if (element.matches(".anchor-link")) continue;
    const pair = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    const name = element.tagName + "." + element.className;
    worst[name] = Math.min(worst[name] ?? 99, ratio);
  }
  return worst;
}
