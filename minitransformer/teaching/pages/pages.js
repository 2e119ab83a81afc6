// Runs in the head, before anything is drawn, so that a page never flashes in the other colours.
(() => {
  "use strict";
  const root = document.documentElement;
  const wish = matchMedia("(prefers-color-scheme: dark)");
  const KEY = "minitransformer-theme";  // "light" or "dark" once the reader has chosen

  function remembered() {
    try { return localStorage.getItem(KEY); } catch { return null; }
  }

  function remember(theme) {
    try { localStorage.setItem(KEY, theme); } catch { /* a browser that keeps nothing */ }
  }

  function isDark() {
    const theme = remembered();
    return theme ? theme === "dark" : wish.matches;
  }

  function show() {
    root.dataset.theme = isDark() ? "dark" : "light";
    const button = document.querySelector("button.theme");
    if (!button) return;
    button.hidden = false;
    button.textContent = isDark() ? "☀" : "☾";
    button.title = button.ariaLabel = isDark() ? "Light colours" : "Dark colours";
  }

  // The section that is being read stands out in the list of sections.
  function followReading() {
    const links = new Map([...document.querySelectorAll(".sections a")].map(
      (link) => [decodeURIComponent(link.hash.slice(1)), link]));
    const list = document.querySelector(".sections");
    const headings = [...document.querySelectorAll("main :is(h2, h3)")].filter(
      (heading) => links.has(heading.id));
    const update = () => {
      const above = headings.filter((heading) => heading.getBoundingClientRect().top < 120);
      for (const link of links.values()) link.removeAttribute("aria-current");
      const current = above.length && links.get(above[above.length - 1].id);
      if (!current) return;
      current.setAttribute("aria-current", "true");
      const place = current.offsetTop - list.scrollTop;
      if (place < 40 || place > list.clientHeight - 80) list.scrollTop = current.offsetTop - 150;
    };
    addEventListener("scroll", update, { passive: true });
    update();
  }

  // A formula wider than the screen scrolls by itself. Those with a tag ask for more than they are
  // given, so displayed ones get a box; one within a line becomes a box where it has to.
  function boxFormulas() {
    for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
      const box = document.createElement("span");
      box.className = "formula";
      box.tabIndex = 0;
      formula.replaceWith(box);
      box.append(formula);
    }
  }

  function fitFormulas() {
    for (const formula of document.querySelectorAll("mjx-container:not([display])")) {
      formula.classList.remove("wide");
      const room = formula.closest("p, li, td, th, h1, h2, h3");
      const tooWide = room && formula.getBoundingClientRect().width > room.clientWidth;
      formula.classList.toggle("wide", Boolean(tooWide));
    }
  }

  show();
  wish.addEventListener("change", show);
  addEventListener("storage", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.querySelector("button.theme").addEventListener("click", () => {
      remember(isDark() ? "light" : "dark");
      show();
    });
    const sections = document.querySelector(".sections");
    if (sections && matchMedia("(max-width: 75rem)").matches) sections.open = false;
    const menu = document.querySelector(".menu");
    document.addEventListener("click", (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") menu.open = false;
    });
    followReading();
  });
  document.addEventListener("typeset", () => {
    boxFormulas();
    fitFormulas();
    addEventListener("resize", fitFormulas);
    // What is above has another height now: go again to where the address points.
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (target) target.scrollIntoView();
    root.dataset.typeset = "";
  });
})();
