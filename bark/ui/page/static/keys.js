// The keyboard: one letter does one thing, unless somebody is typing.

function isTyping(target) {
  const box = target.closest?.("input, textarea, select, [contenteditable]");
  return Boolean(box) && !["checkbox", "radio", "range", "button"].includes(box.type);
}

const ownArrows = "[role=slider], [role=tablist], [role=radiogroup], [role=grid], [role=listbox], input[type=range], input[type=radio], dialog";

function letterKeys(studio) {
  const { stage, store, library } = studio;
  const take = () => store.get(store.selected);
  const press = (id) => () => document.querySelector(id)?.click();
  return {
    " ": () => stage.toggle(),
    ArrowDown: () => library.move(1, { play: true }),
    ArrowUp: () => library.move(-1, { play: true }),
    ArrowLeft: () => stage.sound.seek(stage.sound.position - 1),
    ArrowRight: () => stage.sound.seek(stage.sound.position + 1),
    Home: () => stage.sound.seek(0),
    l: () => stage.toggleLoop(),
    s: () => take() && store.star([take().id], !take().star),
    n: () => take() && stage.note.focus(),
    a: () => take() && stage.redoFromHere(),
    r: () => take() && press("#reuse")(),
    z: () => studio.restore(),
    b: () => studio.compare(library.markedTakes(), { blind: true }),
    Delete: () => {
      const ids = library.marked.size ? library.markedIds() : [store.selected].filter(Boolean);
      if (ids.length) studio.delete(ids);
    },
    Escape: press("#stop"),
    "/": () => library.find(),
    "?": () => studio.showKeys(),
  };
}

function listenToKeys(studio) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return document.querySelector("#speak")?.click();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (key === "Escape" && isTyping(target)) {
      event.preventDefault(); // a box of a search would empty itself, and the list stay narrowed
      return target.blur();
    }
    if (isTyping(target) || document.querySelector("dialog[open]")) return;
    if (key === " " && target.closest?.("button, a, summary, [role=tab]")) return;
    if (/^(Arrow|Home)/.test(key) && target.closest?.(ownArrows)) return;
    const does = studio.roomKeys?.(event) || letterKeys(studio)[key.length === 1 ? key.toLowerCase() : key];
    if (!does) return;
    event.preventDefault();
    does();
  });
  // A press of the mouse leaves no button that the next Space would press again.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#speak, #stop, #another, #make-grid, .takes .main");
    if (button && event.detail > 0) button.blur();
  });
}

function keysDialog() {
  const dialog = make("dialog", "keys", { "aria-label": WORDS.keysTitle });
  const title = make("h2", "");
  title.textContent = WORDS.keysTitle;
  const list = make("dl", "");
  for (const [keys, meaning] of WORDS.keys) {
    const [term, said] = [make("dt", ""), make("dd", "")];
    for (const key of keys.split(" ")) {
      const cap = make("kbd", "");
      cap.textContent = key;
      term.append(cap, " ");
    }
    said.textContent = meaning;
    list.append(term, said);
  }
  const close = make("button", "filter", { type: "button" });
  close.textContent = WORDS.close;
  close.addEventListener("click", () => dialog.close());
  dialog.append(title, list, close);
  document.body.append(dialog);
  return dialog;
}
