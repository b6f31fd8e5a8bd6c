// What "[" in the prompt offers: the tags that the model hears, and what is then heard.
// A text box of many lines keeps its role; it points at the list and at the option that is meant.

const OPENED_TAG = /\[([^[\]\n]{0,24})$/;
const TAG_MENU = "tag-menu-list";

class TagMenu {
  constructor() {
    this.root = make("div", "tag-menu", { hidden: "" });
    this.list = make("div", "tag-options", { id: TAG_MENU, role: "listbox", "aria-label": WORDS.tagsLabel });
    this.note = make("p", "tag-note");
    this.said = make("p", "unseen", { role: "status" });
    this.root.append(this.list, this.note);
    outermost().append(this.root, this.said);
    this.closedAt = null; // the bracket that Escape was pressed at
    this.root.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.take(option);
    });
    this.list.addEventListener("pointermove", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.mean(option);
    });
    document.addEventListener("input", (event) => this.isBox(event.target) && this.look(event.target));
    document.addEventListener("selectionchange", () => this.open && this.look(this.box));
    document.addEventListener("focusout", (event) => event.target === this.box && this.close());
    document.addEventListener("keydown", (event) => this.key(event), true);
    addEventListener("resize", () => this.close());
  }

  isBox(target) {
    return target.matches?.("#prompt textarea");
  }

  get open() {
    return !this.root.hidden;
  }

  // The bracket before the cursor, and what was typed behind it; null where there is none.
  bracket(box) {
    if (box.selectionStart !== box.selectionEnd) return null;
    const found = OPENED_TAG.exec(box.value.slice(0, box.selectionStart));
    return found && { at: found.index, typed: found[1].toLowerCase() };
  }

  look(box) {
    const bracket = this.bracket(box);
    if (!bracket) this.closedAt = null;
    if (!bracket || bracket.at === this.closedAt || document.activeElement !== box) return this.close();
    this.box = box;
    const tags = document.querySelector("#tags .tags");
    const offered = [...(tags?.querySelectorAll("[data-tag]") || [])].filter(({ dataset: { tag } }) =>
      tag.startsWith("[") ? tag.slice(1).toLowerCase().startsWith(bracket.typed) : !bracket.typed,
    );
    const isHidden = tags?.hasAttribute("hidden"); // the model hears hardly any
    if (!offered.length && !isHidden) return this.close();
    this.show(bracket, offered, tags?.dataset.note || "");
  }

  show(bracket, offered, note) {
    const same = this.open && this.shown === offered.map(({ dataset }) => dataset.tag).join();
    if (!same) {
      this.list.replaceChildren(...offered.map((tag, i) => this.option(tag, i)));
      this.list.hidden = !offered.length;
      this.note.textContent = note;
      this.shown = offered.map(({ dataset }) => dataset.tag).join();
      this.said.textContent = WORDS.tagsOffered(offered.length, note);
    }
    this.root.hidden = false;
    this.place(bracket.at);
    this.box.setAttribute("aria-controls", TAG_MENU);
    this.box.setAttribute("aria-haspopup", "listbox");
    this.box.setAttribute("aria-autocomplete", "list");
    if (!same) this.mean(this.list.firstElementChild);
  }

  option(tag, i) {
    const option = make("div", "tag-option", { role: "option", id: `tag-option-${i}`, "aria-selected": "false" });
    option.dataset.tag = tag.dataset.tag;
    const name = make("b", "");
    name.textContent = tag.textContent;
    const heard = make("span", "");
    heard.textContent = tag.title;
    option.append(name, heard);
    return option;
  }

  place(at) {
    const place = Mirror.of(this.box).placeOf(at);
    const box = this.box.getBoundingClientRect();
    const below = Math.min(place.bottom, box.bottom) + 4;
    const { offsetWidth, offsetHeight } = this.root;
    const left = Math.max(8, Math.min(place.left - 10, innerWidth - offsetWidth - 8));
    const fits = below + offsetHeight < innerHeight - 8 || place.top < offsetHeight;
    this.root.style.left = `${left + scrollX}px`;
    this.root.style.top = `${(fits ? below : place.top - offsetHeight - 4) + scrollY}px`;
  }

  mean(option) {
    for (const other of this.list.children) other.setAttribute("aria-selected", String(other === option));
    this.meant = option || null;
    if (!option) return this.box.removeAttribute("aria-activedescendant");
    this.box.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (!this.open || event.target !== this.box || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const options = [...this.list.children];
    if (event.key === "Escape") {
      this.closedAt = this.bracket(this.box)?.at ?? null;
      this.close();
    } else if (step && options.length) {
      this.mean(options[(options.indexOf(this.meant) + step + options.length) % options.length]);
    } else if ((event.key === "Enter" || event.key === "Tab") && this.meant) this.take(this.meant);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // What was typed from the bracket on makes place for the tag.
  take(option) {
    const { box } = this;
    const bracket = this.bracket(box);
    this.close();
    if (!bracket) return;
    box.focus();
    const end = box.selectionEnd + (box.value[box.selectionEnd] === "]" ? 1 : 0);
    box.setSelectionRange(bracket.at, end);
    if (!option.dataset.tag.startsWith("[")) document.execCommand("delete");
    insertTag(option.dataset.tag);
  }

  close() {
    if (!this.open) return;
    this.root.hidden = true;
    this.meant = null;
    this.said.textContent = "";
    this.box?.removeAttribute("aria-activedescendant");
    this.box?.removeAttribute("aria-controls");
  }
}
