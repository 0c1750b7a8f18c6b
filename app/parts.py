"""Small pieces of a page that show text from outside; none of it is ever read as markup."""

import gradio as gr

_PLAIN = """
const show = () => { element.querySelector("p").textContent = props.value || ""; };
show();
watch("value", show);
"""

_PLAY = """
const button = element.querySelector("button"), word = element.querySelector("span");
const inner = () => document.querySelector("TARGET .pgm-player > div")?.shadowRoot;
const control = () => inner()?.querySelector(
  '.buttons [aria-label="Play"], .buttons [aria-label="Pause"]'
);
button.addEventListener("click", () => control()?.click());
const follow = () => {
  const now = control();
  button.disabled = !now;
  if (now) word.textContent = now.getAttribute("aria-label");
  button.classList.toggle("playing", now?.getAttribute("aria-label") === "Pause");
};
const wait = () => {
  const root = inner();
  if (!root) return requestAnimationFrame(wait);
  const watched = { subtree: true, childList: true, attributeFilter: ["aria-label"] };
  new MutationObserver(follow).observe(root, watched);
  return follow();
};
wait();
"""

COPY = """
(query) => {
  const button = document.querySelector("#copy-TAB"), words = button.textContent;
  const tell = said => {
    button.textContent = said;
    setTimeout(() => { button.textContent = words; }, 1600);
  };
  if (!query) return tell("An opened file has no link");
  const address = location.origin + location.pathname + query;
  navigator.clipboard.writeText(address).then(
    () => tell("Link copied"),
    () => prompt("The link to this run:", address),
  );
}
"""

SHOW_ADDRESS = "(query) => history.replaceState(null, '', query || location.pathname)"

INTO_VIEW = """
() => {
  const player = document.querySelector("#TAB-player"), top = player?.getBoundingClientRect().top;
  if (!player || (top >= 0 && top < 0.5 * innerHeight)) return; // in view as it is
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  player.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}
"""

FETCH = """
async () => {
  await new Promise(done => setTimeout(done, 150));
  document.querySelector("#file-TAB")?.click();
}
"""


AWAIT_PLAYER = """
async (...given) => {
  const there = () => document.querySelector("#TAB-player .pgm-player");
  for (let i = 0; i < 400 && !there(); i++) await new Promise(done => setTimeout(done, 25));
  return given;
}
"""


def complaint_line() -> gr.HTML:
    """A place for one sentence about the control above; takes no room while it is empty."""
    return gr.HTML(
        value="",
        html_template="<p role='alert'></p>",
        js_on_load=_PLAIN,
        elem_classes="complaint",
        apply_default_css=False,
    )


def plain_text(value: str, tag: str, name: str) -> gr.HTML:
    """Text in a paragraph or heading of its own, with a class to style it by."""
    return gr.HTML(
        value=value,
        html_template=f"<{tag}></{tag}>",
        js_on_load=_PLAIN.replace('"p"', f'"{tag}"'),
        elem_classes=name,
        apply_default_css=False,
    )


def play_button(target: str) -> gr.HTML:
    """A large button that plays and pauses the player inside ``target``."""
    return gr.HTML(
        html_template=(
            "<button type='button' disabled><svg viewBox='0 0 24 24' aria-hidden='true'>"
            "<path class='to-play' d='M7 4.5v15l13-7.5z'/>"
            "<path class='to-pause' d='M6 5h4.5v14H6zM13.5 5H18v14h-4.5z'/></svg>"
            "<span>Play</span></button>"
        ),
        js_on_load=_PLAY.replace("TARGET", target),
        elem_classes="big-play",
        apply_default_css=False,
    )
