// What runs across, down and over the pages of a grid, and what that would come to.

// What may run along an axis, with the values that are offered first.
const AXES = {
  "": "",
  seed: "7-10",
  text_temperature: "0.5, 0.7, 0.9",
  waveform_temperature: "0.5, 0.7, 0.9",
  voice: "all",
  words: "",
  min_eos_p: "0.05, 0.1, 0.2",
  text_top_k: "0, 50, 200",
  text_top_p: "0.8, 0.9, 1",
  waveform_top_k: "0, 50, 200",
  waveform_top_p: "0.8, 0.9, 1",
  fine_temperature: "0, 0.5, 0.9",
  model: "nano, small",
};
const PLACES = { Across: "text_temperature", Down: "seed", Pages: "" };
// What is asked for most often, one press each: what runs across, down and over the pages.
const PRESETS = [
  ["voice", "", ""],
  ["seed", "", ""],
  ["text_temperature", "seed", ""],
  ["text_temperature", "waveform_temperature", ""],
];
const PLAN_AFTER_MS = 250;

class GridForm {
  constructor(root, press) {
    this.press = press;
    this.rows = [];
    const box = make("div", "grid-form");
    box.append(this.presets());
    for (const [place, name] of Object.entries(PLACES)) box.append(this.row(place, name));
    this.same = this.check(WORDS.sameSeed, true);
    this.hover = this.check(WORDS.hover, true);
    this.line = make("span", "plan-line", { role: "status" });
    this.button = make("button", "make", { type: "button", id: "make-grid", disabled: "" });
    this.button.textContent = WORDS.makeN(0);
    this.button.addEventListener("click", (event) => {
      if (event.detail > 1) return; // of a double click, which is meant as one press
      this.press(this.asked());
    });
    const foot = make("div", "grid-foot");
    foot.append(this.same.label, this.hover.label, this.line, this.button);
    root.append(box, foot);
    // The prompt's box may come after this one.
    document.addEventListener("input", (event) => event.target.closest?.("#prompt") && this.plan());
    this.plan();
  }

  presets() {
    const box = make("div", "presets", { role: "group", "aria-label": WORDS.presets });
    const lead = make("span", "hint");
    lead.textContent = WORDS.presets;
    const buttons = PRESETS.map((names) => {
      const label = names.filter(Boolean).map((name) => WORDS.axes[name]).join(" × ");
      return barButton(label, () => this.fill(names));
    });
    box.append(lead, ...buttons);
    return box;
  }

  fill(names) {
    this.rows.forEach(({ select, choose }, i) => {
      select.value = names[i];
      choose();
    });
  }

  row(place, chosen) {
    const row = make("div", "axis");
    const label = make("label", "place");
    label.textContent = WORDS.places[place];
    const select = make("select", "", { "aria-label": WORDS.placeSetting(place) });
    for (const name of Object.keys(AXES)) select.append(new Option(WORDS.axes[name], name, false, name === chosen));
    label.append(select);
    const values = make("input", "", { type: "text", "aria-label": WORDS.placeValues(place), spellcheck: "false" });
    values.value = AXES[chosen];
    const show = () => {
      values.disabled = !select.value;
      values.placeholder = select.value === "words" ? WORDS.fromPrompt : "";
    };
    const choose = () => {
      values.value = AXES[select.value];
      show();
      this.plan();
    };
    select.addEventListener("change", choose);
    values.addEventListener("input", () => this.plan());
    values.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) this.button.click();
    });
    show();
    row.append(label, values);
    this.rows.push({ select, values, choose });
    return row;
  }

  check(text, checked) {
    const label = make("label", "check");
    const box = make("input", "", { type: "checkbox" });
    box.checked = checked;
    label.append(box, text);
    return { label, box };
  }

  asked() {
    const axes = this.rows.map(({ select, values }) => [select.value, values.value]);
    return { axes, same_seed: this.same.box.checked };
  }

  plan() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PLAN_AFTER_MS);
  }

  async ask() {
    const { store, rooms } = barkStudio;
    const { url } = store;
    if (rooms?.name !== "grid") return; // it is asked for when it is shown
    if (!url) return this.plan();
    const asking = (this.asking = {});
    const asked = JSON.stringify({ ...this.asked(), text: promptBox()?.value || "" });
    try {
      const answer = await fetch(`${url}/grids/plan`, { method: "POST", body: asked, headers: { "Content-Type": "application/json" } });
      const found = await answer.json();
      if (this.asking !== asking) return; // meanwhile something else was asked
      this.line.textContent = found.n ? WORDS.plan(found) : found.detail;
      this.line.classList.toggle("wrong", !found.n);
      this.button.textContent = WORDS.makeN(found.n);
      this.button.disabled = !found.n;
    } catch {
      this.line.textContent = "";
    }
  }
}
