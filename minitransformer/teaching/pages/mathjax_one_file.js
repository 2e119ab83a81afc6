// How a MathJax in one file, which follows, is to read this page.
// On a telephone a formula begins at the left, so that it is in sight before its tag is.
const displayAlign = matchMedia("(max-width: 40rem)").matches ? "left" : "center";
window.MathJax = {
  chtml: { displayAlign }, svg: { displayAlign },
  tex: {
    inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]], processEscapes: true,
    packages: { "[-]": ["noerrors", "noundefined"] },
  },
  options: { ignoreHtmlClass: "no-math", processHtmlClass: "math", enableMenu: false },
  startup: {
    ready() {
      MathJax.startup.defaultReady();
      // Without its extension for text, MathJax would show the backslash of \tag{layer\_norm.dx}.
      MathJax.startup.input[0].preFilters.add(({ math }) => {
        math.math = math.math.replace(/\\tag\{[^}]*\}/g, (tag) => tag.replaceAll("\\_", "_"));
      });
    },
    pageReady: () => MathJax.startup.defaultPageReady().then(
      () => document.dispatchEvent(new Event("typeset"))),
  },
};
