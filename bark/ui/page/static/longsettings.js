// Who speaks a long text and how: a voice for each name, pauses, loudness, speed, pronunciations.

const LONG_PAUSES = { sentence: true, comma: true, paragraph: false, heading: false, turn: false, chapter: false };

class LongSettings {
  constructor(change) {
    this.change = change;
    this.giveWay();
    this.cast = make("div", "cast");
    this.narrator = make("p", "member hint");
    this.choices = new Map(); // speaker → where their voice is chosen
    this.fold = make("details", "long-settings");
    const title = make("summary", "");
    title.textContent = WORDS.longSettings;
    this.fields = {};
    const grid = make("div", "settings");
    for (const [name, isFree] of Object.entries(LONG_PAUSES)) {
      const placeholder = isFree ? WORDS.asTheModel : "";
      grid.append(this.number(`pause ${name}`, WORDS.pauses[name], { min: "0", max: "60", step: "0.05", placeholder }));
    }
    grid.append(this.number("speed", WORDS.speed, { min: "0.5", max: "2", step: "0.05" }));
    grid.append(this.number("loudness", WORDS.loudness, { min: "-60", max: "-5", step: "0.5" }));
    const checks = make("div", "checks");
    checks.append(this.check("evened", WORDS.evened), this.check("carried", WORDS.carried));
    const list = make("label", "list");
    this.fields.list = make("textarea", "", { rows: "3", placeholder: WORDS.listPlaceholder, spellcheck: "false" });
    this.fields.list.addEventListener("change", () => this.change());
    list.append(WORDS.pronunciations, this.fields.list);
    this.fold.append(title, grid, checks, list);
    this.show({});
  }

  number(name, label, attributes) {
    const box = make("label", "");
    const input = make("input", "", { type: "number", ...attributes });
    input.addEventListener("change", () => input.reportValidity() && this.change());
    this.fields[name] = input;
    box.append(label, input);
    return box;
  }

  check(name, label) {
    const box = make("label", "check");
    const input = make("input", "", { type: "checkbox" });
    input.addEventListener("change", () => this.change());
    this.fields[name] = input;
    box.append(input, label);
    return box;
  }

  // Every field takes what is shown next, also those that were changed and not yet asked for.
  giveWay() {
    this.known = new Map(); // field → what it held when it was last shown or asked for
  }

  // Shows a value, but not under the user's hands: answers come late, and other fields are on.
  put(field, value) {
    const held = field.type === "checkbox" ? "checked" : "value";
    const isChanged = this.known.has(field) && field[held] !== this.known.get(field);
    if (isChanged || field === document.activeElement) return;
    field[held] = value;
    this.known.set(field, field[held]);
  }

  // Puts what the server knows into the fields; without a long text, what is usual.
  show({ settings = {}, speakers = {}, voices = [] }) {
    const usual = { paragraph: 0.7, heading: 1, turn: 0.4, chapter: 2 };
    const pauses = { ...usual, ...settings.pauses };
    for (const name of Object.keys(LONG_PAUSES)) this.put(this.fields[`pause ${name}`], pauses[name] ?? "");
    this.put(this.fields.speed, settings.speed ?? 1);
    this.put(this.fields.loudness, settings.loudness_lufs ?? -19);
    this.put(this.fields.evened, settings.is_evened ?? true);
    this.put(this.fields.carried, settings.is_carried ?? false);
    this.put(this.fields.list, settings.pronunciations ?? "");
    this.fields.loudness.disabled = !this.fields.evened.checked;
    this.showCast(speakers, settings.cast ?? {}, voices);
  }

  showCast(speakers, chosen, voices) {
    const names = Object.keys(speakers).filter(Boolean);
    const folded = Object.fromEntries(Object.entries(chosen).map(([name, voice]) => [name.toLowerCase(), voice]));
    this.cast.hidden = !names.length;
    this.choices = new Map(names.map((name) => [name, this.choice(name, voices)]));
    const rows = names.map((name, i) => {
      const select = this.choices.get(name);
      const own = folded[name.toLowerCase()] ?? "";
      select.options[0].text = own ? WORDS.nobodyElses : WORDS.nobodyElsesNow(speakers[name]);
      this.put(select, own);
      select.parentElement.dataset.speaker = String(1 + (i % 5));
      return select.parentElement;
    });
    const narrator = speakers[""];
    this.narrator.textContent = narrator === undefined ? "" : WORDS.narratorIs(narrator);
    if (this.narrator.textContent && names.length) rows.unshift(this.narrator);
    const isSame = rows.length === this.cast.children.length && rows.every((row, i) => row === this.cast.children[i]);
    if (!isSame) this.cast.replaceChildren(...rows);
  }

  // Where a speaker's voice is chosen: the same as before where it can be, so that it keeps the focus.
  choice(name, voices) {
    const before = this.choices.get(name);
    const offered = JSON.stringify(voices);
    if (before?.offered === offered) return before;
    const row = make("label", "member");
    const select = make("select", "", { "aria-label": WORDS.voiceOf(name) });
    select.offered = offered;
    select.append(new Option("", ""));
    for (const [label, value] of voices) select.append(new Option(label, value));
    select.addEventListener("change", () => this.change());
    const said = make("span", "name");
    said.textContent = name;
    row.append(said, select);
    return select;
  }

  // As the server takes them.
  asked() {
    const value = (name) => (this.fields[name].value === "" ? null : Number(this.fields[name].value));
    const pauses = Object.fromEntries(Object.keys(LONG_PAUSES).map((name) => [name, value(`pause ${name}`)]));
    this.fields.loudness.disabled = !this.fields.evened.checked;
    for (const field of [...Object.values(this.fields), ...this.choices.values()]) {
      this.known.set(field, field.type === "checkbox" ? field.checked : field.value);
    }
    return {
      pauses,
      speed: value("speed") ?? 1,
      loudness_lufs: value("loudness") ?? -19,
      is_evened: this.fields.evened.checked,
      is_carried: this.fields.carried.checked,
      pronunciations: this.fields.list.value,
      cast: Object.fromEntries([...this.choices].map(([name, select]) => [name, select.value]).filter(([, voice]) => voice)),
    };
  }
}
