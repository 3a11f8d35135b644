// Resolves the system's light or dark before the first paint, and follows it. A file of its own, loaded before the
// styles: the content security policy takes no inline script.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    document.documentElement.dataset.theme = dark.matches ? "dark" : "light";
  };
  follow();
  dark.addEventListener("change", follow);
})();
