// Styles: a voice, settings and words around the text under a name.

class StyleMenu {
  constructor(root, store, trigger) {
    this.store = store;
    this.trigger = trigger;
    this.rows = [];
    this.chosen = barkStudio.linkedForm() ? null : keptStyle();
    this.button = make("button", "style-button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" });
    this.button.addEventListener("click", () => (this.panel.open ? this.panel.close() : this.unfold()));
    root.append(this.button);
    this.build();
    this.refresh();
  }

  build() {
    this.panel = make("dialog", "style-menu", { "aria-label": WORDS.styles });
    this.how = make("p", "style-how");
    this.how.textContent = WORDS.styleHow;
    this.list = make("ul", "style-rows");
    this.form = make("form", "style-form");
    this.name = make("input", "", { type: "text", maxlength: "64", placeholder: WORDS.styleName, "aria-label": WORDS.styleName });
    this.frame = make("input", "", { type: "text", maxlength: "2000", placeholder: WORDS.styleFrame, "aria-label": WORDS.styleFrame });
    this.save = make("button", "style-save", { type: "submit" });
    this.save.textContent = WORDS.saveStyle;
    this.form.append(this.name, this.frame, this.save);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.keep(this.name.value, this.frame.value);
    });
    this.panel.append(this.how, this.list, this.form);
    outermost().append(this.panel);
    this.panel.addEventListener("click", (event) => event.target === this.panel && this.panel.close());
    this.panel.addEventListener("close", () => this.button.setAttribute("aria-expanded", "false"));
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation());
  }

  receive(message) {
    if (!message || message.kind !== "styles") return;
    this.rows = message.rows;
    this.chosen = message.chosen;
    keepStyle(this.chosen);
    // What was written goes when it is saved; after a refusal it is still there.
    if (this.chosen && this.chosen === this.name.value.trim()) this.name.value = this.frame.value = "";
    this.refresh();
  }

  async unfold() {
    this.panel.showModal();
    this.button.setAttribute("aria-expanded", "true");
    try {
      const answer = await fetch(`${this.store.url}/styles`);
      if (answer.ok) {
        this.rows = (await answer.json()).rows;
        if (!this.rows.some(({ name }) => name === this.chosen)) this.chosen = null;
      }
    } catch {
      say(WORDS.notKept, "fault");
    }
    this.refresh();
    (this.list.querySelector("button") || this.name).focus();
  }

  use(name) {
    this.trigger("use", { name, instead_of: this.chosen || "" });
    this.panel.close();
    this.button.focus();
  }

  keep(name, frame) {
    if (!name.trim()) return this.name.focus();
    this.trigger("keep", { name, frame });
    this.panel.close();
    this.button.focus();
  }

  refresh() {
    const label = make("b", "");
    label.textContent = WORDS.style;
    const name = make("span", "");
    name.textContent = this.chosen || WORDS.noStyle;
    this.button.replaceChildren(label, name);
    this.how.hidden = this.rows.length > 0;
    this.list.replaceChildren(...this.rows.map((row) => this.row(row)));
  }

  row(row) {
    const line = make("li", "style-row");
    const use = make("button", "style-use", { type: "button", "aria-label": WORDS.useStyle(row.name) });
    const name = make("b", "");
    name.textContent = row.name;
    const about = make("span", row.fault ? "fault" : "");
    about.textContent = row.fault || row.about;
    use.append(name, about);
    use.disabled = Boolean(row.fault);
    use.addEventListener("click", () => this.use(row.name));
    const update = this.small(WORDS.updateStyle, WORDS.updateStyleLong(row.name), () => this.keep(row.name, row.frame));
    const remove = this.small(WORDS.delete, WORDS.deleteStyleLong(row.name), () => this.trigger("drop", { name: row.name, chosen: this.chosen }));
    line.classList.toggle("chosen", row.name === this.chosen);
    line.append(use, update, remove);
    return line;
  }

  small(text, label, press) {
    const button = make("button", "style-small", { type: "button", "aria-label": label });
    button.textContent = text;
    button.addEventListener("click", press);
    return button;
  }
}

const STYLE_KEY = "bark-style";

// The style whose words stand around the text outlives a reload, as the text does.
function keptStyle() {
  try {
    return localStorage.getItem(STYLE_KEY) || null;
  } catch {
    return null; // a page inside another one may have no storage
  }
}

function keepStyle(name) {
  try {
    localStorage.setItem(STYLE_KEY, name || "");
  } catch {
    // Then it is known until the page is left.
  }
}
