// The modules that JupyterLab compiled, in `holder`, are loaded; `names` says which export what.
const modules = Object.assign({}, ...Object.values(holder).flat().map((chunk) => chunk[1]));
const loaded = {};

function load(id) {
  if (!(id in loaded)) {
    const module = loaded[id] = { exports: {} };
    modules[id].call(module.exports, module, module.exports, load);
  }
  return loaded[id].exports;
}
load.g = window;
load.o = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
load.d = (target, getters) => {
  for (const name of Object.keys(getters)) {
    Object.defineProperty(target, name, { enumerable: true, get: getters[name] });
  }
};
load.r = (target) => Object.defineProperty(target, "__esModule", { value: true });
load.n = (module) => {
  const get = () => (module && module.__esModule ? module.default : module);
  return Object.assign(get, { get a() { return get(); } });
};

const take = (name) => load(names[name])[name];
const TeXFont = take("TeXFont");
for (const face of Object.values(TeXFont.defaultFonts)) {
  const file = /%%URL%%\/([\w-]+)\.woff/.exec(face.src)[1];
  const font = fonts[file] || fonts[file.replace("-Regular", "")];
  face.src = font ? `url("${font}") format("woff")` : 'local("none")';
}
const mathjax = take("mathjax");
mathjax.handlers.register(
  take("AssistiveMmlHandler")(new (take("HTMLHandler"))(take("browserAdaptor")())));
const InputJax = new (take("TeX"))({
  packages: take("AllPackages").filter((name) => name !== "noerrors" && name !== "noundefined"),
  inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]], processEscapes: true,
});
// On a telephone a formula begins at the left, so that it is in sight before its tag is.
const displayAlign = matchMedia("(max-width: 40rem)").matches ? "left" : "center";
const OutputJax = new (take("CHTML"))({ font: new TeXFont(), displayAlign });
mathjax.document(document, {
  InputJax, OutputJax, ignoreHtmlClass: "no-math", processHtmlClass: "math",
}).render();
document.dispatchEvent(new Event("typeset"));
