// The player: what it is told comes as messages (bark/ui/player.py), and texts go in as text.

const PLAY_ICON = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2l10 6-10 6z"/></svg>';
const PAUSE_ICON =
  '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 2h4v12H3zM9 2h4v12H9z"/></svg>';
const STAR_ICON =
  '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1.3l2 4.4 4.8.6-3.5 3.3.9 4.7L8 12l-4.2 2.3.9-4.7L1.200 6.300 6 5.700z"/></svg>';

function make(tag, className, attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function clockTime(seconds) {
  const tenths = Math.floor(seconds * 10 + 0.001);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

class Stage {
  constructor(root, trigger) {
    this.root = root;
    this.trigger = trigger;
    this.take = null;
    this.run = null; // the run whose sound is live
    this.queue = [];
    this.total = 0;
    this.build();
    this.sound = new Sound(() => this.refresh(), () => this.playNext());
    this.side = new Sound(() => {}, () => {}); // for previews of voices
    this.show("empty");
    new ResizeObserver(() => this.redraw()).observe(this.pictures);
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class"] });
    for (const press of ["pointerdown", "keydown"]) {
      document.addEventListener(press, () => this.sound.wake(), { capture: true, passive: true });
    }
  }

  build() {
    this.button = make("button", "play", { type: "button" });
    this.button.addEventListener("click", () => this.toggle());
    this.title = make("span", "title");
    this.time = make("span", "time");
    this.star = make("button", "star", { type: "button" });
    this.star.innerHTML = STAR_ICON;
    this.star.addEventListener("click", () => this.trigger("star", { id: this.take.id }));
    const transport = make("div", "transport");
    transport.append(this.button, this.title, this.time, this.star);
    this.pictures = make("div", "pictures", {
      role: "slider",
      tabindex: "0",
      "aria-label": "Position in the take",
      "aria-valuemin": "0",
    });
    this.wave = make("canvas", "wave", { "aria-hidden": "true" });
    this.spectrum = make("canvas", "spectrum", { "aria-hidden": "true" });
    this.head = make("i", "head");
    this.pictures.append(this.wave, this.spectrum, this.head);
    this.pictures.addEventListener("pointerdown", (event) => this.drag(event));
    this.pictures.addEventListener("keydown", (event) => this.step(event));
    this.said = make("p", "said");
    this.facts = make("p", "facts");
    this.extras = this.buildExtras();
    this.empty = make("p", "nothing");
    this.empty.textContent = this.root.dataset.empty;
    this.root.append(this.empty, transport, this.pictures, this.said, this.facts, this.extras);
  }

  buildExtras() {
    const extras = make("div", "extras");
    this.note = make("input", "note", {
      type: "text",
      maxlength: "2000",
      placeholder: "Note",
      "aria-label": "Note on this take",
    });
    this.note.addEventListener("change", () =>
      this.trigger("note", { id: this.take.id, note: this.note.value }),
    );
    this.downloads = make("span", "downloads");
    this.downloads.append("Download ");
    for (const format of ["wav", "flac", "ogg", "mp3"]) {
      const link = make("a", "", { "data-format": format, download: "" });
      link.textContent = format.toUpperCase();
      this.downloads.append(link);
    }
    extras.append(this.note, this.downloads);
    return extras;
  }

  show(state) {
    this.root.dataset.state = state;
    document.documentElement.dataset.take = state;
  }

  receive(message) {
    if (!message) return;
    const handlers = {
      take: () => this.receiveTake(message),
      queue: () => this.enqueue(message),
      live: () => this.goLive(message),
      piece: () => {
        if (message.run === this.run) this.sound.push(message.start, samplesFromBase64(message.pcm));
      },
      end: () => this.endRun(message.run),
      preview: () => this.preview(message),
      empty: () => this.clear(),
    };
    handlers[message.kind]?.();
  }

  goLive({ run, text, expected, rate, waits }) {
    if (waits && this.sound.playing) return; // what plays is heard to its end
    this.run = run;
    this.take = null;
    this.queue = [];
    this.total = expected * rate;
    this.title.textContent = "Being made";
    this.said.textContent = text;
    this.facts.textContent = "\u00a0";
    this.show("live");
    this.sound.startLive(rate);
  }

  async receiveTake({ take, play, run }) {
    const goesOn = run && run === this.run;
    this.run = null;
    const isNew = !this.take || this.take.id !== take.id;
    this.describe(take);
    if (!isNew && !play) return;
    this.wanted = take.id;
    try {
      const { samples, rate } = await fetchSamples(take.url);
      if (this.wanted !== take.id) return; // another take was chosen meanwhile
      this.total = samples.length;
      if (isNew && !goesOn) this.queue = [];
      this.sound.load(samples, rate, { keepPosition: goesOn });
      if (play && !goesOn) this.sound.play();
    } catch (error) {
      this.facts.textContent = error.message;
    }
  }

  describe(take) {
    this.take = take;
    this.show("take");
    this.title.textContent = `Take ${take.number}${take.stopped ? ", stopped early" : ""}`;
    this.said.textContent = take.text;
    const facts = [take.voice, `temperatures ${take.temperatures}`, `seed ${take.seed}`];
    facts.push(take.model, `${Math.floor(take.seconds * 10) / 10} s`, `made in ${take.made} s`);
    if (!take.kept) facts.push("not written to the disk");
    this.facts.textContent = facts.join(" · ");
    this.star.setAttribute("aria-pressed", String(take.star));
    this.star.setAttribute("aria-label", take.star ? "Take the star away" : "Star this take");
    if (document.activeElement !== this.note) this.note.value = take.note;
    for (const link of this.downloads.querySelectorAll("a")) {
      const format = link.dataset.format;
      link.href = `${take.url}.${format}`;
      link.download = `${take.id}.${format}`;
      link.setAttribute("aria-label", `Download as ${format.toUpperCase()}`);
    }
  }

  endRun(run) {
    if (run !== this.run) return;
    this.run = null;
    this.sound.endLive();
    if (!this.take) this.clear();
  }

  clear() {
    this.take = null;
    this.run = null;
    this.queue = [];
    this.sound.load(new Float32Array(0), 24000);
    this.show("empty");
  }

  preview({ rate, pcm }) {
    if (this.sound.playing) this.sound.pause();
    this.side.load(samplesFromBase64(pcm), rate);
    this.side.play();
  }

  enqueue({ take, run }) {
    if (run && run === this.run) {
      this.receiveTake({ take, play: true, run });
      this.trigger("choose", { id: take.id, play: false });
    } else if (this.sound.playing || this.queue.length) this.queue.push(take);
    else this.trigger("choose", { id: take.id, play: true });
  }

  playNext() {
    const take = this.queue.shift();
    if (!take) return;
    const rest = this.queue;
    this.receiveTake({ take, play: true, run: null }).then(() => {
      this.queue = rest;
    });
    this.trigger("choose", { id: take.id, play: false });
  }

  toggle() {
    if (this.side.playing) this.side.pause();
    if (this.sound.playing) this.sound.pause();
    else if (this.sound.length || this.sound.live) this.sound.play();
  }

  drag(event) {
    const seek = (at) => {
      const box = this.pictures.getBoundingClientRect();
      const share = (at.clientX - box.left) / box.width;
      this.sound.seek((share * this.total) / this.sound.rate);
    };
    seek(event);
    this.pictures.setPointerCapture(event.pointerId);
    this.pictures.onpointermove = seek;
    this.pictures.onpointerup = () => {
      this.pictures.onpointermove = null;
    };
  }

  step(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.sound.seek(this.sound.position + steps[event.key]);
  }

  refresh() {
    this.button.innerHTML = this.sound.playing ? PAUSE_ICON : PLAY_ICON;
    this.button.setAttribute("aria-label", this.sound.playing ? "Pause" : "Play");
    this.redraw();
    this.follow();
  }

  redraw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      const { samples, length, rate } = this.sound;
      const total = Math.max(this.total, length, 1);
      const colours = pageColours(this.root);
      const size = [this.pictures.clientWidth, this.wave.clientHeight, this.spectrum.clientHeight];
      const key = JSON.stringify([length, total, colours, size]);
      if (key === this.drawn?.key && samples === this.drawn.samples) return;
      this.drawn = { key, samples };
      drawWaveform(this.wave, samples, length, total, colours);
      drawSpectrogram(this.spectrum, samples, length, total, rate, colours);
    });
  }

  // Moves the play head for as long as something plays.
  follow() {
    const { position, duration, rate } = this.sound;
    const whole = Math.max(this.total / rate, duration, 0.001);
    this.head.style.left = `${(100 * Math.min(position, whole)) / whole}%`;
    this.time.textContent = `${clockTime(position)} / ${clockTime(this.sound.live ? whole : duration)}`;
    const now = String(Math.round(position));
    if (this.pictures.getAttribute("aria-valuenow") !== now) {
      this.pictures.setAttribute("aria-valuemax", String(Math.round(duration)));
      this.pictures.setAttribute("aria-valuenow", now);
      this.pictures.setAttribute("aria-valuetext", `${now} of ${Math.round(duration)} seconds`);
    }
    if (this.sound.playing && !this.following) {
      this.following = requestAnimationFrame(() => {
        this.following = null;
        this.follow();
      });
    }
  }
}
