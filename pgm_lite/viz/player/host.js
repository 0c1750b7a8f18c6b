// The entry in anywidget's shape: a shadow root, the host's theme, and a clean-up. STYLE is the style sheet.
import { h } from "./dom.js";
import { Player } from "./player.js";

// Hosts mark their theme on the page; without a mark the system's preference counts.
function isDark() {
  const body = document.body, page = document.documentElement;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  if (body.classList.contains("dark") || page.classList.contains("dark") || page.dataset.theme === "dark") return true;
  if (page.dataset.theme === "light" || document.querySelector("gradio-app, .gradio-container")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function render({ model, el }) {
  const host = h("div", { "data-lm-suppress-shortcuts": "true" });
  const root = h("div", { class: "player", role: "group", tabindex: -1 }), style = h("style");
  style.textContent = STYLE;
  host.attachShadow({ mode: "open" }).append(style, root);
  el.append(host);
  const dress = () => root.classList.toggle("dark", isDark());
  const watcher = new MutationObserver(dress), scheme = matchMedia("(prefers-color-scheme: dark)");
  for (const node of [document.body, document.documentElement]) watcher.observe(node, { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light"] });
  scheme.addEventListener("change", dress);
  dress();
  const player = new Player(model, root), reload = () => player.load(), follow = () => player.follow(), hear = () => player.hear();
  model.on("change:trace", reload);
  model.on("change:step", follow);
  model.on("change:told", hear);
  return () => {
    model.off("change:trace", reload);
    model.off("change:step", follow);
    model.off("change:told", hear);
    watcher.disconnect();
    scheme.removeEventListener("change", dress);
    player.destroy();
    host.remove();
  };
}

export default { render };
