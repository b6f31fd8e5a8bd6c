// A long text as a column of chunks: spoken in order, heard from any of them, changed one by one.

const TEXT_FILES = /\.(txt|text|md|markdown|html?|xhtml|srt|vtt|epub|docx|pdf|ssml|xml)$/i;
const MAX_TEXT_FILE = 16 * 2 ** 20;
const LONG_DRAFT = "bark-long";
const ANSWERED_WITHIN_MS = 20_000; // after which a press is taken for lost, as when the server was gone

class LongRoom {
  constructor(root, store, trigger) {
    Object.assign(this, { root, store, trigger });
    this.chunks = new Map(); // number → chunk
    this.rows = new Map();
    this.failures = new Map();
    this.working = new Set();
    this.sent = ""; // what the box held when it was last asked for; what is typed since stays
    this.askedAt = -Infinity; // when Speak was pressed, until the server has answered
    this.laid = null; // the text that is laid out below, as the server has it
    this.box = make("textarea", "long-text", { rows: "7", "aria-label": WORDS.longLabel, placeholder: WORDS.longPlaceholder });
    tallWhileWritten(this.box);
    this.box.addEventListener("paste", () => setTimeout(() => this.layOut()));
    this.file = make("input", "", { type: "file", hidden: "", "aria-label": WORDS.openText });
    this.file.addEventListener("change", () => this.file.files[0] && this.open(this.file.files[0]));
    this.line = make("span", "plan-line", { role: "status" });
    this.speakButton = make("button", "make", { type: "button", id: "speak-long" });
    this.speakButton.addEventListener("click", (event) => {
      if (event.detail > 1) return; // of a double click, which is meant as one press
      return this.busy ? document.querySelector("#stop").click() : this.speak();
    });
    this.newButton = barButton(WORDS.newText, () => this.clear());
    const foot = make("div", "grid-foot");
    foot.append(barButton(WORDS.layOut, () => this.layOut()), barButton(WORDS.openText, () => this.file.click()), this.newButton, this.line, this.speakButton);
    this.bar = make("div", "grid-bar");
    this.list = make("ol", "chunks");
    this.settings = new LongSettings(() => this.long && this.layOut());
    this.earlier = new LongList(this);
    this.sound = new LongSound(this);
    this.time = new LongTime(this);
    const folds = make("div", "folds");
    folds.append(this.settings.fold, this.earlier.fold);
    root.append(this.box, this.file, foot, folds, this.settings.cast, this.time.box, this.list, this.bar);
    this.box.addEventListener("input", () => {
      this.touched = true; // what is typed is not written over
      this.keepDraft();
    });
    this.box.value = longDraft();
    this.touched = Boolean(this.box.value);
    store.watch(() => this.reopenNewest());
    this.draw();
  }

  receive(message) {
    if (!message) return;
    this.forgetPress();
    if (message.kind === "answered") return;
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
    this.laid = long.written ?? "";
    this.busy = long.busy;
    this.chunks = new Map(long.chunks.map((chunk) => [chunk.number, chunk]));
    this.failures.clear();
    this.working.clear();
    if (isOther) {
      this.sound.left = null;
      if (this.box.value === this.sent) this.box.value = this.laid;
      this.earlier.ask();
    }
    this.keepDraft();
    this.settings.show(long);
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
    this.earlier.ask();
    this.working.clear();
    if (this.sound.waiting) this.sound.stop();
  }

  // What was left here is here again after a reload.
  async reopenNewest() {
    if (this.asked || !this.store.url) return;
    this.asked = true;
    const texts = await this.earlier.ask();
    if (texts?.length && !this.long && !this.touched) this.earlier.open(texts[0].id, { unasked: true });
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

  // What is typed and not laid out yet outlives a reload, also Gradio's own behind a lost connection.
  keepDraft() {
    const text = this.box.value;
    try {
      if (text && text !== this.laid) sessionStorage.setItem(LONG_DRAFT, text);
      else sessionStorage.removeItem(LONG_DRAFT);
    } catch {
      // Too long for that, or a page inside another one, which may have no storage: once it is laid
      // out the server keeps it.
    }
  }

  // The words in the box; a file's are not there.
  words() {
    this.touched = true;
    const text = (this.sent = this.box.value);
    return this.long && !text.trim() ? {} : { text };
  }

  layOut() {
    const settings = this.settings.asked();
    if (this.busy) return say(WORDS.stopFirst, "fault");
    return this.trigger("lay_out", { ...this.words(), settings, id: this.long?.id });
  }

  speak() {
    if (performance.now() - this.askedAt < ANSWERED_WITHIN_MS) return;
    const words = this.words();
    const isLaid = this.long && (words.text ?? this.laid) === this.laid;
    if (isLaid && !this.firstMissing()) return this.sound.from(1); // all of it is made
    this.askedAt = performance.now();
    this.trigger("speak", isLaid ? { id: this.long.id } : { ...words, settings: this.settings.asked(), id: this.long?.id });
  }

  // Speak may be pressed again.
  forgetPress() {
    this.askedAt = -Infinity;
  }

  // What was typed and set is written over by the long text that is shown next.
  giveWay() {
    this.sent = this.box.value;
    this.settings.giveWay();
  }

  clear() {
    this.touched = true; // what was left here is not wanted now, however late it comes
    this.sound.stop();
    this.long = this.laid = this.sound.left = null;
    this.box.value = "";
    this.keepDraft();
    this.giveWay();
    this.chunks.clear();
    this.settings.show({});
    this.earlier.ask();
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
    if (this.busy) {
      say(WORDS.stopFirst, "fault");
      return true;
    }
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      const settings = this.settings.asked();
      this.sent = this.box.value;
      this.trigger("lay_out", { name: file.name, file: reader.result.split(",")[1] || "", settings });
    });
    reader.readAsDataURL(file);
    return true;
  }

  change(number, what) {
    this.wanted = number;
    this.sound.stop();
    this.trigger("alter", { id: this.long.id, number, ...what });
  }

  // What is being written in the old rows goes on in the new ones.
  build() {
    const forms = [...this.list.querySelectorAll(".chunk-edit")];
    const focused = document.activeElement;
    this.rows.clear();
    const speakers = Object.keys(this.long?.speakers || {}).filter(Boolean);
    for (const chunk of this.chunks.values()) this.rows.set(chunk.number, chunkRow(this, chunk, speakers.indexOf(chunk.speaker)));
    for (const form of forms) {
      const isSame = form.long === this.long?.id && form.text === this.chunk(form.number)?.text;
      if (isSame) this.rows.get(form.number).append(form);
    }
    this.list.replaceChildren(...this.rows.values());
    if (this.list.contains(focused)) focused.focus({ preventScroll: true });
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.root.dataset.state = this.long ? "laid" : "empty";
      this.drawFoot();
      for (const chunk of this.chunks.values()) drawChunk(this, this.rows.get(chunk.number), chunk);
      this.time.measure();
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
    const said = make("p", "hint");
    said.textContent = (this.long?.said || []).join(" ");
    this.bar.replaceChildren(...(ready.length ? this.links() : []), ...(said.textContent ? [said] : []));
    this.time.box.hidden = !ready.length && !this.busy;
  }

  // What can be downloaded, by kind.
  links() {
    const links = [];
    for (const [kind, names] of Object.entries(WORDS.longFiles)) {
      const label = make("span", "kind");
      label.textContent = kind;
      const those = names.filter((name) => this.long.formats.includes(name));
      if (those.length) links.push(label);
      for (const format of those) {
        const link = make("a", "filter", { href: `${this.long.url}/as/${format}`, download: "", "data-format": format });
        link.textContent = format.toUpperCase();
        links.push(link);
      }
    }
    return links;
  }

  mark() {
    const { number, playing } = this.sound;
    for (const [other, row] of this.rows) {
      const now = playing && other === number;
      if (now && !row.classList.contains("playing")) row.scrollIntoView({ block: "nearest" });
      row.classList.toggle("playing", now);
      if (now) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    this.markSentence();
  }

  // The sentence that is heard, and the place in the whole.
  markSentence() {
    const { number, sentence, playing } = this.sound;
    const now = playing ? this.rows.get(number)?.querySelector(`.sentence[data-at="${sentence}"]`) : null;
    if (now !== this.now) {
      this.now?.classList.remove("now");
      now?.classList.add("now");
      this.now = now;
    }
    this.time.show();
  }

  keys(event) {
    const at = this.sound.number || this.sound.left?.number || 0;
    return {
      " ": () => this.sound.toggle(),
      ArrowDown: () => this.sound.from(Math.min(at + 1, this.chunks.size)),
      ArrowUp: () => this.sound.from(Math.max(at - 1, 1)),
      ArrowRight: () => this.sound.step(1),
      ArrowLeft: () => this.sound.step(-1),
    }[event.key];
  }
}

function longDraft() {
  try {
    return sessionStorage.getItem(LONG_DRAFT) || "";
  } catch {
    return "";
  }
}

// A box that shrinks when it is left, but only once the press that left it is over: what is pressed
// must not move away from under the pointer.
function tallWhileWritten(box) {
  let pressed = false;
  const shrink = () =>
    setTimeout(() => {
      if (!pressed && document.activeElement !== box) delete box.dataset.tall;
    });
  for (const [kind, now] of Object.entries({ pointerdown: true, pointerup: false, pointercancel: false })) {
    document.addEventListener(kind, () => {
      pressed = now;
      shrink();
    }, true);
  }
  box.addEventListener("focus", () => (box.dataset.tall = ""));
  box.addEventListener("blur", shrink);
}
