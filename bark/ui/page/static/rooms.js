// What stands on the right: one take, a grid of them, several side by side, or a long text.

class Rooms {
  constructor(root) {
    this.tabs = new Map();
    const list = make("div", "tabs", { role: "tablist", "aria-label": WORDS.roomsLabel });
    for (const [name, label] of Object.entries(WORDS.rooms)) {
      const tab = make("button", "tab", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `room-${name}` });
      tab.textContent = label;
      tab.addEventListener("click", () => this.show(name));
      this.tabs.set(name, tab);
      list.append(tab);
    }
    list.addEventListener("keydown", (event) => this.step(event));
    root.append(list);
    this.show("take");
  }

  show(name) {
    if (this.name === name) return;
    this.name = name;
    document.documentElement.dataset.room = name;
    for (const [other, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      const panel = document.querySelector(`#room-${other}`);
      panel?.setAttribute("role", "tabpanel");
      panel?.setAttribute("aria-labelledby", `tab-${other}`);
    }
    for (const deck of Deck.all) deck.stop();
    if (name === "grid") barkStudio.grid?.form.plan(); // its time was learnt from what was made
  }

  step(event) {
    const names = Object.keys(WORDS.rooms);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = names[(names.indexOf(this.name) + step + names.length) % names.length];
    this.show(next);
    this.tabs.get(next).focus();
  }
}
