// Who speaks a long text and how: a voice for each name, pauses, loudness, speed, pronunciations.

const LONG_PAUSES = { sentence: true, comma: true, paragraph: false, heading: false, turn: false, chapter: false };

class LongSettings {
  constructor(change) {
    this.change = change;
    this.cast = make("div", "cast");
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

  // Puts what the server knows into the fields; without a long text, what is usual.
  show({ settings = {}, speakers = {}, voices = [] }) {
    const usual = { paragraph: 0.7, heading: 1, turn: 0.4, chapter: 2 };
    const pauses = { ...usual, ...settings.pauses };
    for (const name of Object.keys(LONG_PAUSES)) this.fields[`pause ${name}`].value = pauses[name] ?? "";
    this.fields.speed.value = settings.speed ?? 1;
    this.fields.loudness.value = settings.loudness_lufs ?? -19;
    this.fields.evened.checked = settings.is_evened ?? true;
    this.fields.carried.checked = settings.is_carried ?? false;
    this.fields.list.value = settings.pronunciations ?? "";
    this.fields.loudness.disabled = !this.fields.evened.checked;
    this.showCast(speakers, settings.cast ?? {}, voices);
  }

  showCast(speakers, chosen, voices) {
    const names = Object.keys(speakers).filter(Boolean);
    const folded = Object.fromEntries(Object.entries(chosen).map(([name, voice]) => [name.toLowerCase(), voice]));
    this.cast.hidden = !names.length;
    this.choices = new Map();
    const rows = names.map((name, i) => {
      const row = make("label", "member", { "data-speaker": String(1 + (i % 5)) });
      const select = make("select", "", { "aria-label": WORDS.voiceOf(name) });
      const own = folded[name.toLowerCase()] ?? "";
      select.append(new Option(own ? WORDS.nobodyElses : WORDS.nobodyElsesNow(speakers[name]), ""));
      for (const [label, value] of voices) select.append(new Option(label, value));
      select.value = own;
      select.addEventListener("change", () => this.change());
      this.choices.set(name, select);
      const said = make("span", "name");
      said.textContent = name;
      row.append(said, select);
      return row;
    });
    if ("" in speakers && names.length) {
      const row = make("p", "member hint");
      row.textContent = WORDS.narratorIs(speakers[""]);
      rows.unshift(row);
    }
    this.cast.replaceChildren(...rows);
  }

  // As the server takes them.
  asked() {
    const value = (name) => (this.fields[name].value === "" ? null : Number(this.fields[name].value));
    const pauses = Object.fromEntries(Object.keys(LONG_PAUSES).map((name) => [name, value(`pause ${name}`)]));
    this.fields.loudness.disabled = !this.fields.evened.checked;
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
