// The player: what it is told comes as messages (bark/ui/page/messages.py), texts go in as text.

class Stage {
  constructor(root, store, trigger) {
    this.root = root;
    this.store = store;
    this.trigger = trigger;
    this.take = null;
    this.heard = null; // id of the take whose sound is in the player
    this.run = null; // the run whose sound is live
    this.chose = false; // the visitor has chosen a take since the run began
    this.noted = null; // id of the take that a note is being written for
    this.queue = [];
    this.total = 0;
    this.loop = false;
    this.build();
    this.sound = new Sound(() => this.refresh(), () => this.playNext());
    this.words = new WordLine(this.said, (seconds) => this.playFrom(seconds));
    this.show("empty");
    new ResizeObserver(() => this.redraw()).observe(this.pictures);
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class"] });
    for (const press of ["pointerdown", "keydown"]) {
      document.addEventListener(press, () => this.sound.wake(), { capture: true, passive: true });
    }
    addEventListener("pagehide", () => this.keepNote());
    store.watch(() => this.followList());
  }

  build() {
    this.button = make("button", "play", { type: "button" });
    this.button.addEventListener("click", () => this.toggle());
    this.title = make("span", "title");
    this.time = make("span", "time");
    this.looping = make("button", "loop", { type: "button", "aria-label": WORDS.loop, "aria-pressed": "false" });
    this.looping.innerHTML = LOOP_ICON;
    this.looping.addEventListener("click", () => this.toggleLoop());
    this.star = make("button", "star", { type: "button" });
    this.star.innerHTML = STAR_ICON;
    this.star.addEventListener("click", () => this.toggleStar());
    const transport = make("div", "transport");
    transport.append(this.button, this.title, this.time, this.looping, this.star);
    this.pictures = make("div", "pictures", {
      role: "slider",
      tabindex: "0",
      "aria-label": WORDS.position,
      "aria-valuemin": "0",
      "aria-valuemax": "0",
      "aria-valuenow": "0",
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
      placeholder: WORDS.note,
      "aria-label": WORDS.noteLabel,
    });
    this.note.addEventListener("input", () => (this.noted ||= this.take?.id));
    this.note.addEventListener("change", () => this.keepNote());
    this.downloads = make("span", "downloads");
    this.downloads.append(`${WORDS.download} `);
    for (const format of ["wav", "flac", "ogg", "mp3"]) {
      const link = make("a", "", { "data-format": format, download: "" });
      link.textContent = format.toUpperCase();
      this.downloads.append(link);
    }
    this.shares = make("span", "shares");
    this.shares.append(
      barButton(WORDS.copyLink, () => shareLink(this.take)),
      barButton(WORDS.copyRecipe, () => shareRecipe(this.take)),
    );
    this.fromHere = barButton("", () => this.redoFromHere());
    this.fromHere.classList.add("from-here");
    this.shares.append(this.fromHere);
    extras.append(this.note, this.downloads, this.shares);
    return extras;
  }

  // What was written belongs to the take it was begun for, whichever is shown by now.
  keepNote() {
    if (this.noted) this.store.note(this.noted, this.note.value);
    this.noted = null;
    this.note.value = this.store.get(this.take?.id)?.note || "";
  }

  get isNoting() {
    return document.activeElement === this.note;
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
        if (message.run !== this.run) return;
        this.sound.push(message.start, samplesFromBase64(message.pcm), message.speed);
      },
      end: () => this.endRun(message.run),
      empty: () => this.clear(),
    };
    handlers[message.kind]?.();
  }

  goLive({ run, text, expected, rate, waits }) {
    // Whoever chose a take or writes its note keeps it, and what plays is heard to its end.
    if (this.chose || this.isNoting || (waits && this.sound.playing)) return;
    this.run = run;
    this.take = this.heard = null;
    this.store.select(null);
    this.queue = [];
    this.total = expected * rate;
    this.words.show(text, []);
    this.facts.textContent = "\u00a0";
    this.show("live");
    for (const deck of Deck.all) deck.stop();
    this.sound.startLive(rate, expected);
  }

  // A take that somebody chose in the list, or elsewhere on the page.
  choose(take, { play = false } = {}) {
    if (take.id !== this.take?.id) hideStaleStatus();
    this.chose = true;
    this.queue = [];
    for (const deck of Deck.all) deck.stop();
    return this.receiveTake({ take, play, chosen: true });
  }

  async receiveTake({ take, play, run, chosen, old }) {
    if (run && !chosen && (this.chose || this.isNoting)) return;
    const goesOn = run && run === this.run;
    this.run = null;
    const isNew = this.take?.id !== take.id;
    this.describe(take, isNew);
    if (this.store.selected !== take.id) this.store.select(take.id);
    const isAsked = !isNew && this.wanted === take.id; // its sound is here, or on its way
    if (isAsked && !play) return;
    if (isAsked && this.heard === take.id && this.sound.length) return this.sound.play();
    if (goesOn) this.heard = take.id;
    this.wanted = take.id;
    this.words.load(take);
    try {
      const { samples, rate } = await takeSamples(take);
      if (this.wanted !== take.id) return; // another take was chosen meanwhile
      this.total = samples.length;
      if (isNew && !goesOn) this.queue = [];
      this.heard = take.id;
      this.sound.load(samples, rate, { keepPosition: goesOn });
      if (play && !goesOn && !old) this.sound.play();
    } catch {
      if (this.wanted !== take.id) return;
      this.wanted = null;
      if (!goesOn) this.silence();
      this.facts.textContent = WORDS.takeFailed;
    }
  }

  // No sound at all, rather than that of another take.
  silence() {
    this.heard = null;
    this.total = 0;
    this.sound.load(new Float32Array(0), 24000);
  }

  describe(take, isNew = false) {
    this.take = take;
    this.show("take");
    this.title.textContent = WORDS.take(take);
    this.facts.textContent = WORDS.facts(take).join(" · ");
    this.star.setAttribute("aria-pressed", String(take.star));
    this.star.setAttribute("aria-label", WORDS.starThis(take));
    if (!this.noted && (isNew || !this.isNoting)) this.note.value = take.note;
    for (const link of this.downloads.querySelectorAll("a")) {
      const format = link.dataset.format;
      link.href = `${take.url}.${format}`;
      link.download = `${take.id}.${format}`;
      link.setAttribute("aria-label", WORDS.downloadAs(format.toUpperCase()));
    }
  }

  // The list changed: a star, a note, or the take is gone.
  followList() {
    if (!this.take) return;
    const take = this.store.get(this.take.id);
    if (take && take !== this.take) this.describe(take);
    if (!take && this.store.takes.size && this.store.selected !== this.take.id) {
      const next = this.store.get(this.store.selected);
      if (next) this.choose(next);
      else this.clear();
    } else if (!take && this.store.version !== null && !this.store.takes.size) this.clear();
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
    this.silence();
    this.show("empty");
  }

  enqueue(message) {
    if (message.run && message.run === this.run) return this.receiveTake(message); // live here already
    if (this.chose || message.old) return;
    this.queue.push(message);
    if (!this.sound.playing && !this.sound.waiting && !this.run) this.playNext();
  }

  playNext() {
    if (this.loop && this.take) return this.sound.play();
    const message = this.queue.shift();
    if (!message) return;
    const rest = this.queue;
    this.receiveTake({ ...message, run: null, play: true }).then(() => (this.queue = rest));
  }

  // Takes one after another, as they stand in a list.
  playInTurn(takes) {
    const [first, ...rest] = takes;
    this.choose(first, { play: true }).then(() => (this.queue = rest.map((take) => ({ take }))));
  }

  // Until the sound of the take that is shown has come, the player holds another one's.
  get isHere() {
    return !this.take || this.heard === this.take.id;
  }

  toggle() {
    if (this.root.dataset.state === "empty") return;
    if (!this.isHere) return this.choose(this.take, { play: true });
    if (this.sound.playing || this.sound.waiting) this.sound.pause();
    else this.sound.play();
  }

  toggleLoop() {
    this.loop = !this.loop;
    this.looping.setAttribute("aria-pressed", String(this.loop));
  }

  toggleStar() {
    if (this.take) this.store.star([this.take.id], !this.take.star);
  }

  playFrom(seconds) {
    if (!this.isHere) return this.toggle();
    this.sound.seek(seconds);
    if (!this.sound.playing) this.sound.play();
  }

  // Where the take may be made anew from: the word that is being said, or else this moment.
  get turn() {
    const position = this.sound.position;
    const { spans } = this.words;
    if (!this.take || this.root.dataset.state !== "take") return null;
    if (!spans.length) {
      const inside = position > 0.2 && position < this.sound.duration - 0.2;
      return inside ? { start: position, name: `${position.toFixed(1)} s` } : null;
    }
    const at = spans.findLastIndex(({ start }) => start <= position + 0.02);
    return at > 0 ? { start: spans[at].start, name: `“${spans[at].span.textContent}”` } : null;
  }

  redoFromHere() {
    const { turn, take } = this;
    if (!turn) return;
    this.chose = false;
    this.sound.pause();
    this.trigger("redo_from", { take: take.id, from_s: turn.start });
  }

  showTurn() {
    const { turn } = this;
    this.fromHere.style.visibility = turn ? "visible" : "hidden";
    if (turn) this.fromHere.textContent = WORDS.fromHere(turn.name);
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
    event.stopPropagation();
    this.sound.seek(this.sound.position + steps[event.key]);
  }

  refresh() {
    const { playing, waiting, live } = this.sound;
    this.button.innerHTML = playing ? PAUSE_ICON : PLAY_ICON;
    this.button.setAttribute("aria-label", playing ? WORDS.pause : waiting ? WORDS.waiting : WORDS.play);
    this.button.classList.toggle("waiting", waiting);
    this.button.disabled = waiting;
    if (this.root.dataset.state === "live") {
      const wait = this.sound.wait;
      this.title.textContent = waiting && live && this.sound.speed ? WORDS.soundIn(wait) : WORDS.beingMade;
    }
    this.redraw();
    this.follow();
    for (const watcher of this.watchers || []) watcher();
  }

  // For other parts that show the same sound, such as the small player of a phone.
  onRefresh(watcher) {
    (this.watchers ||= []).push(watcher);
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
      this.pictures.setAttribute("aria-valuetext", WORDS.positionOf(now, Math.round(duration)));
    }
    this.words.mark(this.sound.playing ? position : null);
    this.showTurn();
    if (this.sound.playing && !this.following) {
      this.following = requestAnimationFrame(() => {
        this.following = null;
        this.follow();
      });
    }
  }
}

const decodedTakes = new Map(); // id → samples of the takes heard last
const MAX_DECODED = 64;

// The samples of a take, fetched once.
async function takeSamples(take) {
  const known = decodedTakes.get(take.id);
  decodedTakes.delete(take.id);
  const found = known || fetchSamples(take.url);
  decodedTakes.set(take.id, found);
  if (decodedTakes.size > MAX_DECODED) decodedTakes.delete(decodedTakes.keys().next().value);
  try {
    return await found;
  } catch (error) {
    decodedTakes.delete(take.id);
    throw error;
  }
}
