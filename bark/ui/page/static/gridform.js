// What runs across, down and over the pages of a grid, and what that would come to.

const AXES = {
  "": ["nothing", ""],
  seed: ["Seed", "7-10"],
  text_temperature: ["Text temperature", "0.5, 0.7, 0.9"],
  waveform_temperature: ["Waveform temperature", "0.5, 0.7, 0.9"],
  voice: ["Voice", "all"],
  words: ["Words in {a|b}", ""],
  min_eos_p: ["min_eos_p", "0.05, 0.1, 0.2"],
  text_top_k: ["Text top-k", "0, 50, 200"],
  text_top_p: ["Text top-p", "0.8, 0.9, 1"],
  waveform_top_k: ["Waveform top-k", "0, 50, 200"],
  waveform_top_p: ["Waveform top-p", "0.8, 0.9, 1"],
  fine_temperature: ["Fine temperature", "0, 0.5, 0.9"],
  model: ["Model", "nano, small"],
};
const PLACES = { Across: "text_temperature", Down: "seed", Pages: "" };
const PLAN_AFTER_MS = 250;

class GridForm {
  constructor(root, press) {
    this.press = press;
    this.rows = [];
    const box = make("div", "grid-form");
    for (const [place, name] of Object.entries(PLACES)) box.append(this.row(place, name));
    this.same = this.check(WORDS.sameSeed, true);
    this.hover = this.check(WORDS.hover, true);
    this.line = make("span", "plan-line", { role: "status" });
    this.button = make("button", "make", { type: "button", id: "make-grid" });
    this.button.addEventListener("click", () => this.press(this.asked()));
    const foot = make("div", "grid-foot");
    foot.append(this.same.label, this.hover.label, this.line, this.button);
    root.append(box, foot);
    document.querySelector("#prompt")?.addEventListener("input", () => this.plan());
    this.plan();
  }

  row(place, chosen) {
    const row = make("div", "axis");
    const label = make("label", "place");
    label.textContent = place;
    const select = make("select", "", { "aria-label": `${place}: setting` });
    for (const [name, [text]] of Object.entries(AXES)) select.append(new Option(text, name, false, name === chosen));
    label.append(select);
    const values = make("input", "", { type: "text", "aria-label": `${place}: values`, spellcheck: "false" });
    values.value = AXES[chosen][1];
    const show = () => {
      values.disabled = !select.value;
      values.placeholder = select.value === "words" ? WORDS.fromPrompt : "";
    };
    select.addEventListener("change", () => {
      values.value = AXES[select.value][1];
      show();
      this.plan();
    });
    values.addEventListener("input", () => this.plan());
    values.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) this.button.click();
    });
    show();
    row.append(label, values);
    this.rows.push({ select, values });
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
    const { url } = barkStudio.store;
    if (!url) return this.plan();
    const asked = JSON.stringify({ ...this.asked(), text: promptBox()?.value || "" });
    try {
      const answer = await fetch(`${url}/grids/plan`, { method: "POST", body: asked, headers: { "Content-Type": "application/json" } });
      const found = await answer.json();
      this.line.textContent = found.n ? WORDS.plan(found) : found.detail;
      this.line.classList.toggle("wrong", !found.n);
      this.button.textContent = WORDS.makeN(found.n);
      this.button.disabled = !found.n;
    } catch {
      this.line.textContent = "";
    }
  }
}
