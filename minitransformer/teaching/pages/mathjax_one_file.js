// How a MathJax in one file, which follows, is to read this page.
window.MathJax = {
  tex: { inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]], processEscapes: true,
         packages: { "[-]": ["noerrors", "noundefined"] } },
  options: { ignoreHtmlClass: "no-math", processHtmlClass: "math", enableMenu: false },
  startup: {
    pageReady: () => MathJax.startup.defaultPageReady().then(
      () => document.dispatchEvent(new Event("typeset"))),
  },
};
