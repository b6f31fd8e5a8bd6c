// The voice that speaks: one line with its name and its sound, and a menu of all there are.
// The form's own box, which nobody sees, holds the choice; this writes into it and follows it.

class VoiceMenu {
  constructor(root, store) {
    this.store = store;
    this.value = "";
    this.rows = [];
    this.none = { value: "", label: root.dataset.none, detail: root.dataset.detail, can_be_heard: false };
    this.player = new VoicePlayer(() => this.refresh());
    this.buildLine(root);
    this.buildPanel();
    this.show("");
    // A form that was left may name its voice before the page knows whom to ask.
    store.watch(() => store.url && !this.chosen && this.askedFor !== this.value && this.show(this.value));
  }

  buildLine(root) {
    this.button = make("button", "voice-button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" });
    this.name = make("span", "voice-name");
    this.about = make("span", "voice-about");
    const label = make("span", "voice-label");
    label.textContent = WORDS.voice;
    this.button.append(label, this.name, this.about);
    this.button.addEventListener("click", () => (this.open ? this.close() : this.unfold()));
    this.hear = make("button", "voice-play", { type: "button" });
    this.hear.addEventListener("click", () => this.player.toggle(this.chosen, this.url));
    root.append(this.button, this.hear);
  }

  buildPanel() {
    this.panel = make("div", "voice-menu", { role: "dialog", "aria-label": WORDS.voices, hidden: "" });
    this.search = make("input", "voice-search", {
      type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", placeholder: WORDS.searchVoices,
      "aria-label": WORDS.searchVoices, "aria-expanded": "true", "aria-haspopup": "grid", "aria-controls": "voice-grid",
      "aria-autocomplete": "list",
    });
    this.language = make("select", "voice-language", { "aria-label": WORDS.anyLanguage });
    this.grid = make("div", "voice-rows", { role: "grid", id: "voice-grid", "aria-label": WORDS.voices });
    this.foot = make("p", "voice-foot", { role: "status" });
    const head = make("div", "voice-head");
    head.append(this.search, this.language);
    this.panel.append(head, this.grid, this.foot);
    outermost().append(this.panel);
    this.search.addEventListener("input", () => this.filter());
    this.language.addEventListener("input", () => this.filter());
    this.panel.addEventListener("keydown", (event) => this.key(event));
    this.panel.addEventListener("focusout", (event) => {
      const next = event.relatedTarget;
      if (next && !this.panel.contains(next) && next !== this.button) this.close();
    });
    this.grid.addEventListener("click", (event) => this.press(event));
    document.addEventListener("pointerdown", (event) => {
      if (this.open && !this.panel.contains(event.target) && !this.button.contains(event.target)) this.close();
    });
    addEventListener("resize", () => this.open && this.place());
  }

  get open() {
    return !this.panel.hidden;
  }

  get url() {
    return `${this.store.url}/voices`;
  }

  get chosen() {
    return this.rows.find(({ value }) => value === this.value) || (this.value ? null : this.none);
  }

  // What the form holds has changed, by this menu or by something else on the page.
  async show(value) {
    this.value = value;
    if (!this.chosen) await this.fetch();
    this.refresh();
  }

  async fetch() {
    if (!this.store.url) return;
    this.askedFor = this.value;
    try {
      const answer = await fetch(`${this.url}?keep=${encodeURIComponent(this.value)}`);
      const { rows, detail } = await answer.json();
      if (!answer.ok) return say(detail, "fault");
      this.rows = rows;
    } catch {
      say(WORDS.voicesFailed, "fault");
    }
  }

  async unfold() {
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.search.value = "";
    this.search.focus();
    this.fill();
    this.place();
    await this.fetch();
    if (!this.open) return;
    this.refresh();
    this.fill();
  }

  fill() {
    const languages = [...new Set(this.rows.map(({ language }) => language).filter(Boolean))];
    const before = this.language.value;
    this.language.hidden = languages.length < 2;
    this.language.replaceChildren(
      new Option(WORDS.anyLanguage, ""),
      ...languages.map((name) => new Option(name, name)),
    );
    this.language.value = languages.includes(before) ? before : "";
    this.grid.replaceChildren(...this.rows.map((row, i) => this.row(row, i)));
    this.filter();
    this.mean(this.shown().find(({ row }) => row.value === this.value) || this.shown()[0]);
  }

  row(row, i) {
    const line = make("div", "voice-row", { role: "row" });
    line.row = row;
    const cell = make("div", "voice-cell", { role: "gridcell", id: `voice-${i}` });
    const name = make("span", "voice-name");
    name.textContent = row.label;
    const about = make("span", "voice-about");
    about.textContent = aboutVoice(row);
    cell.append(name, about);
    line.append(cell);
    if (row.can_be_heard) {
      const hear = make("div", "voice-hear", { role: "gridcell" });
      const button = make("button", "voice-play", { type: "button", tabindex: "-1" });
      hear.append(button);
      line.append(hear);
    }
    line.classList.toggle("chosen", row.value === this.value);
    line.words = `${row.label} ${row.language} ${row.speaker} ${row.detail} ${row.value}`.toLowerCase().split(/[^\p{L}\p{N}]+/u);
    return line;
  }

  // Lines that have a word beginning with each of those that were typed.
  filter() {
    const terms = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const language = this.language.value;
    for (const line of this.grid.children) {
      const fits = terms.every((term) => line.words.some((word) => word.startsWith(term)));
      line.hidden = !fits || (language !== "" && line.row.language !== language);
    }
    const n = this.shown().filter(({ row }) => row.value).length;
    this.foot.textContent = n ? `${WORDS.voiceCount(n)}. ${WORDS.voiceHint}` : WORDS.noVoiceMatches;
    if (!this.meant || this.meant.hidden || !this.meant.isConnected) this.mean(this.shown()[0]);
    this.refresh();
  }

  shown() {
    return [...this.grid.children].filter((line) => !line.hidden);
  }

  mean(line) {
    this.meant?.classList.remove("meant");
    this.meant?.firstElementChild.removeAttribute("aria-selected");
    this.meant = line || null;
    if (!line) return this.search.removeAttribute("aria-activedescendant");
    line.classList.add("meant");
    line.firstElementChild.setAttribute("aria-selected", "true");
    this.search.setAttribute("aria-activedescendant", line.firstElementChild.id);
    line.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const lines = this.shown();
    const at = lines.indexOf(this.meant);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const atEnd = this.search.selectionStart === this.search.value.length;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") this.close(true);
    else if (event.target === this.language) return;
    else if (event.key in steps) this.mean(lines[Math.min(Math.max(at + steps[event.key], 0), lines.length - 1)]);
    else if (event.key === "ArrowRight" && atEnd && this.meant?.row.can_be_heard) this.player.toggle(this.meant.row, this.url);
    else if (event.key === "Enter" && this.meant) this.choose(this.meant.row);
    else return event.stopPropagation(); // no letter of the page's is meant while this is open
    event.preventDefault();
    event.stopPropagation();
  }

  press(event) {
    const line = event.target.closest(".voice-row");
    if (!line) return;
    this.mean(line);
    if (event.target.closest(".voice-play")) this.player.toggle(line.row, this.url);
    else this.choose(line.row);
  }

  choose(row) {
    const box = document.querySelector("#voice textarea, #voice input");
    const type = box.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(type.prototype, "value").set.call(box, row.value);
    box.dispatchEvent(new Event("input", { bubbles: true }));
    this.show(row.value);
    this.close(true);
  }

  close(back = false) {
    if (!this.open) return;
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (back) this.button.focus();
  }

  place() {
    const line = this.button.getBoundingClientRect();
    const narrow = innerWidth <= 820;
    const width = narrow ? innerWidth - 16 : Math.max(440, line.width);
    const left = Math.max(8, Math.min(line.left, innerWidth - width - 8));
    const below = innerHeight - line.bottom - 12;
    const up = below < 300 && line.top > below;
    const room = Math.min(460, (up ? line.top : below) - 12);
    Object.assign(this.panel.style, {
      width: `${width}px`,
      left: `${left}px`,
      maxHeight: `${narrow ? innerHeight - 16 : room}px`,
      top: narrow ? "8px" : up ? "" : `${line.bottom + 4}px`,
      bottom: !narrow && up ? `${innerHeight - line.top + 4}px` : "",
    });
  }

  refresh() {
    const row = this.chosen || { label: this.value, value: this.value, can_be_heard: false };
    this.name.textContent = row.label;
    this.about.textContent = aboutVoice(row);
    this.button.setAttribute("aria-label", WORDS.voiceButton(`${row.label}, ${aboutVoice(row)}`));
    this.hear.disabled = !row.can_be_heard;
    this.face(this.hear, row);
    for (const line of this.grid.children) {
      line.classList.toggle("chosen", line.row.value === this.value);
      const button = line.querySelector(".voice-play");
      if (button) this.face(button, line.row);
    }
  }

  face(button, row) {
    const state = row.value === this.player.value ? this.player.state : "";
    if (button.state === `${state} ${row.label}`) return;
    button.state = `${state} ${row.label}`;
    button.innerHTML = state === "playing" ? PAUSE_ICON : PLAY_ICON;
    button.classList.toggle("waiting", state === "waiting");
    button.setAttribute("aria-label", state ? WORDS.stopVoice(row.label) : WORDS.hearVoice(row.label));
  }
}

function aboutVoice({ language, speaker, detail, label }) {
  const said = language && label.startsWith(language) ? "" : language;
  return [said, speaker, detail].filter(Boolean).join(" · ");
}

// Plays one voice's own sound; another one, or a second press, ends it.
class VoicePlayer {
  constructor(onChange) {
    this.onChange = onChange;
    this.value = null;
    this.state = ""; // "waiting" for the sound, or "playing"
    this.sound = new Sound(() => this.follow(), () => this.stop());
    this.known = new Map();
  }

  async toggle(row, url) {
    const again = this.value === row.value && this.state;
    this.stop();
    if (again) return;
    this.sound.wake(); // within the press: a browser lets sound begin only there
    this.tell(row.value, "waiting");
    try {
      const found = await this.samples(row, url);
      if (this.value !== row.value) return;
      barkStudio.stage?.sound.pause();
      for (const deck of Deck.all) deck.stop();
      this.sound.load(found.samples, found.rate);
      this.sound.play();
      this.tell(row.value, "playing");
    } catch (error) {
      this.stop();
      say(reasonOf(error), "fault");
    }
  }

  async samples(row, url) {
    const address = `${url}/sample?voice=${encodeURIComponent(row.value)}`;
    if (!this.known.has(address)) {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error((await answer.json()).detail);
      this.known.set(address, wavSamples(await answer.arrayBuffer()));
      if (this.known.size > 40) this.known.delete(this.known.keys().next().value);
    }
    return this.known.get(address);
  }

  follow() {
    if (this.state === "playing" && !this.sound.playing) this.tell(this.value, "");
  }

  stop() {
    this.sound.pause();
    this.tell(null, "");
  }

  tell(value, state) {
    this.value = value;
    this.state = state;
    this.onChange();
  }
}
