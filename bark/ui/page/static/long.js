// A long text as a column of chunks: spoken in order, heard from any of them, changed one by one.

const TEXT_FILES = /\.(txt|text|md|markdown|html?|xhtml|srt|vtt|epub|docx|pdf|ssml|xml)$/i;
const MAX_TEXT_FILE = 16 * 2 ** 20;

class LongRoom {
  constructor(root, store, trigger) {
    Object.assign(this, { root, store, trigger });
    this.chunks = new Map(); // number → chunk
    this.rows = new Map();
    this.failures = new Map();
    this.working = new Set();
    this.laid = null; // the text in the box that is laid out below
    this.box = make("textarea", "long-text", { rows: "7", "aria-label": WORDS.longLabel, placeholder: WORDS.longPlaceholder });
    this.box.addEventListener("paste", () => setTimeout(() => this.layOut()));
    this.file = make("input", "", { type: "file", hidden: "", "aria-label": WORDS.openText });
    this.file.addEventListener("change", () => this.file.files[0] && this.open(this.file.files[0]));
    this.line = make("span", "plan-line", { role: "status" });
    this.speakButton = make("button", "make", { type: "button", id: "speak-long" });
    this.speakButton.addEventListener("click", () => (this.busy ? document.querySelector("#stop").click() : this.speak()));
    this.newButton = barButton(WORDS.newText, () => this.clear());
    const foot = make("div", "grid-foot");
    foot.append(barButton(WORDS.layOut, () => this.layOut()), barButton(WORDS.openText, () => this.file.click()), this.newButton, this.line, this.speakButton);
    this.bar = make("div", "grid-bar");
    this.list = make("ol", "chunks");
    root.append(this.box, this.file, foot, this.bar, this.list);
    this.sound = new LongSound(this);
    store.watch(() => this.reopenNewest());
    this.draw();
  }

  receive(message) {
    if (!message) return;
    if (message.kind === "long") {
      barkStudio.rooms.show("long");
      return this.show(message);
    }
    if (message.id !== this.long?.id) return;
    const handlers = {
      chunks: () => (this.working = new Set(message.numbers)),
      chunk: () => this.put(message.chunk),
      unmade: () => this.failures.set(message.number, message.why),
      silent: () => this.end(),
    };
    handlers[message.kind]?.();
    const number = message.chunk?.number ?? message.number;
    this.working.delete(number);
    this.draw();
    if (number) this.sound.arrived(number);
  }

  show(long) {
    const isOther = long.id !== this.long?.id;
    if (isOther) this.sound.stop();
    this.long = long;
    this.busy = long.busy;
    this.chunks = new Map(long.chunks.map((chunk) => [chunk.number, chunk]));
    this.failures.clear();
    this.working.clear();
    this.build();
    this.draw();
    const wanted = this.wanted ?? this.firstMissing();
    if (this.busy && !long.old && !this.sound.playing && wanted) this.sound.from(wanted);
    this.wanted = null;
  }

  put(chunk) {
    this.chunks.set(chunk.number, chunk);
  }

  end() {
    this.busy = false;
    this.working.clear();
    if (this.sound.waiting) this.sound.stop();
  }

  // What was left here is here again after a reload.
  async reopenNewest() {
    if (this.asked || !this.store.url) return;
    this.asked = true;
    const { ids } = await (await fetch(`${this.store.url}/long`)).json();
    if (!ids?.length || this.long) return;
    const answer = await fetch(`${this.store.url}/long/${ids[0]}`);
    if (answer.ok && !this.long) this.show(await answer.json());
  }

  chunk(number) {
    return this.chunks.get(number);
  }

  numbers() {
    return [...this.chunks.keys()];
  }

  firstReady() {
    return this.numbers().find((number) => this.chunk(number).key);
  }

  firstMissing() {
    return this.numbers().find((number) => !this.chunk(number).key);
  }

  layOut() {
    this.laid = this.box.value;
    this.trigger("lay_out", { text: this.laid, id: this.long?.id });
  }

  speak() {
    const text = this.box.value;
    const isLaid = this.long && (text === this.laid || !text.trim());
    if (isLaid && !this.firstMissing()) return this.sound.from(1); // all of it is made
    if (isLaid) return this.trigger("speak", { id: this.long.id });
    this.laid = text;
    this.trigger("speak", { text, id: this.long?.id });
  }

  clear() {
    this.sound.stop();
    this.long = this.laid = null;
    this.box.value = "";
    this.chunks.clear();
    this.build();
    this.draw();
    this.box.focus();
  }

  // Lays a file out; returns whether it is one of text.
  open(file) {
    this.file.value = "";
    if (!file || !TEXT_FILES.test(file.name)) {
      if (!/\.(npz|wav|flac|ogg|mp3)$/i.test(file?.name || "")) say(WORDS.noSuchText, "fault");
      return false;
    }
    if (file.size > MAX_TEXT_FILE) {
      say(WORDS.fileTooLarge, "fault");
      return true;
    }
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      this.box.value = "";
      this.laid = "";
      this.trigger("lay_out", { name: file.name, file: reader.result.split(",")[1] || "" });
    });
    reader.readAsDataURL(file);
    return true;
  }

  change(number, what) {
    this.wanted = number;
    this.sound.stop();
    this.trigger("alter", { id: this.long.id, number, ...what });
  }

  build() {
    this.rows.clear();
    const speakers = Object.keys(this.long?.speakers || {}).filter(Boolean);
    for (const chunk of this.chunks.values()) this.rows.set(chunk.number, this.row(chunk, speakers.indexOf(chunk.speaker)));
    this.list.replaceChildren(...this.rows.values());
  }

  row(chunk, speaker) {
    const { number } = chunk;
    const row = make("li", "chunk", speaker < 0 ? {} : { "data-speaker": String(1 + (speaker % 5)) });
    const face = make("button", "face", { type: "button" });
    face.addEventListener("click", () => (this.sound.number === number && this.sound.playing ? this.sound.stop() : this.sound.from(number)));
    const tools = make("div", "tools");
    tools.append(
      barButton(WORDS.redo, () => this.change(number, { do: "redo" })),
      barButton(WORDS.edit, () => this.edit(number)),
      barButton(WORDS.revert, () => this.change(number, { do: "revert" })),
    );
    for (const button of tools.children) button.setAttribute("aria-label", `${button.textContent}, chunk ${number}`);
    row.append(face, tools);
    return row;
  }

  edit(number) {
    const row = this.rows.get(number);
    if (row.querySelector("textarea")) return;
    const box = make("textarea", "", { rows: "3", "aria-label": WORDS.chunk(number, "") });
    box.value = this.chunk(number).text;
    const form = make("div", "chunk-edit");
    const close = () => form.remove();
    const save = barButton(WORDS.save, () => {
      this.change(number, { do: "edit", text: box.value });
      close();
    });
    form.append(box, save, barButton(WORDS.cancel, close));
    row.append(form);
    box.focus();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.root.dataset.state = this.long ? "laid" : "empty";
      this.drawFoot();
      for (const chunk of this.chunks.values()) this.drawRow(chunk);
      this.mark();
    });
  }

  drawFoot() {
    const chunks = [...this.chunks.values()];
    const ready = chunks.filter(({ key }) => key);
    const total = chunks.reduce((sum, { seconds, expected, pause }) => sum + (seconds ?? expected) + pause, 0);
    this.line.textContent = this.long ? WORDS.chunkCount(ready.length, chunks.length, total) : "";
    this.speakButton.textContent = this.busy ? WORDS.stop : ready.length && ready.length < chunks.length ? WORDS.goOn : WORDS.speakLong;
    this.newButton.hidden = !this.long || this.busy;
    const links = Object.entries(ready.length ? WORDS.longFiles : {}).map(([format, label]) => {
      const link = make("a", "filter", { href: `${this.long.url}/as/${format}`, download: "", "data-format": format });
      link.textContent = label;
      return link;
    });
    this.play ||= barButton("", () => this.sound.toggle());
    const said = make("p", "hint");
    said.textContent = (this.long?.said || []).join(" ");
    this.bar.replaceChildren(...(ready.length ? [this.play, make("span", "gap")] : []), ...links, ...(said.textContent ? [said] : []));
  }

  drawRow(chunk) {
    const row = this.rows.get(chunk.number);
    const why = this.failures.get(chunk.number);
    const working = this.working.has(chunk.number);
    const written = JSON.stringify([chunk, why, working, this.busy]);
    if (row.written === written) return;
    row.written = written;
    const [face, tools] = row.children;
    face.disabled = !chunk.key && !this.busy;
    face.setAttribute("aria-label", `${WORDS.hearFrom(chunk.number)}: ${chunk.text}`);
    const words = make("span", "words");
    words.textContent = chunk.text;
    const facts = make("span", "facts");
    const length = chunk.seconds === null ? `~${chunk.expected.toFixed(1)} s` : `${chunk.seconds.toFixed(1)} s`;
    facts.textContent = [chunk.speaker, length, chunk.edited ? WORDS.edited : "", ...chunk.findings, why || ""].filter(Boolean).join(" · ");
    face.replaceChildren(words, facts);
    if (working) face.append(barOf());
    row.classList.toggle("unmade", !chunk.key);
    row.classList.toggle("heading", chunk.heading);
    tools.hidden = Boolean(this.busy);
    tools.children[0].hidden = !chunk.key;
    tools.children[2].hidden = !chunk.edited;
  }

  mark() {
    const { number, playing, waiting } = this.sound;
    const said = playing ? number : waiting;
    if (this.play) {
      this.play.innerHTML = said ? PAUSE_ICON : PLAY_ICON;
      this.play.setAttribute("aria-label", said ? WORDS.pause : WORDS.play);
    }
    for (const [other, row] of this.rows) {
      const now = playing && other === number;
      if (now && !row.classList.contains("playing")) row.scrollIntoView({ block: "nearest" });
      row.classList.toggle("playing", now);
      if (now) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  keys(event) {
    const at = this.sound.number || this.sound.left || 0;
    return {
      " ": () => this.sound.toggle(),
      ArrowDown: () => this.sound.from(Math.min(at + 1, this.chunks.size)),
      ArrowUp: () => this.sound.from(Math.max(at - 1, 1)),
    }[event.key];
  }
}
