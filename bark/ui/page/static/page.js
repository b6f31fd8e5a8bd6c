// What belongs to the whole page: mounting its parts, and what several of them do together.

const OVERTAKEN_MS = 3000; // a press may come to the server that much after the next one

window.barkStudio = {
  store: new TakeStore(),

  // The same for everything that asks while the page opens.
  linkedForm() {
    if (this.link === undefined) this.link = formOfAddress();
    return this.link;
  },

  get selected() {
    return this.store.selected || "";
  },

  mountStage(element, props, watch, trigger) {
    this.stage = new Stage(element.querySelector(".stage"), this.store, trigger);
    watch("value", () => this.stage.receive(props.value));
    this.stage.receive(props.value);
    this.mountTogether();
  },

  mountList(element, props, watch, trigger) {
    this.listRoot = element.querySelector(".takes");
    this.store.lost = () => trigger("reopen");
    watch("value", () => this.store.receive(props.value));
    this.store.receive(props.value);
    this.mountTogether();
  },

  // The list needs the player, whichever of the two is there first.
  mountTogether() {
    if (!this.stage || !this.listRoot || this.library) return;
    this.library = new Library(this.listRoot, this.store, () => this.stage);
    this.store.begun = () => this.begin();
    listenToKeys(this);
    this.mountMini();
    document.addEventListener("click", (event) => {
      if (event.target.closest?.("#delete") && this.selected) this.delete([this.selected]);
      if (event.target.closest?.("#stop")) {
        this.stopsUntil = this.isAsked ? Date.now() + OVERTAKEN_MS : 0;
        this.long?.forgetPress(); // what waited is dropped, and nothing is told of it
      }
      if (!event.target.closest?.("#speak, #split, #another, #redo-sound, #redo-finish")) return;
      this.isAsked = true;
      this.stopsUntil = 0;
      this.stage.chose = false;
      this.stage.note.blur(); // pressed by Ctrl+Enter amid a note, which is thereby kept
      // The same fault again is no news to Gradio, which then leaves the line as it is.
      document.querySelector("#status .fault")?.removeAttribute("hidden");
    }, true);
  },

  // A Stop that overtook the press before it found nothing to stop; it is meant for what now begins.
  begin() {
    this.isAsked = false;
    if (Date.now() < this.stopsUntil) document.querySelector("#stop").click();
  },

  mountRooms(element) {
    this.rooms = new Rooms(element.querySelector(".rooms"));
  },

  mountGrid(element, props, watch, trigger) {
    this.grid = new GridRoom(element.querySelector(".grid-room"), this.store, trigger);
    watch("value", () => this.grid.receive(props.value));
    this.grid.receive(props.value);
  },

  mountCompare(element) {
    this.comparison = new CompareRoom(element.querySelector(".compare-room"), this.store);
  },

  mountLong(element, props, watch, trigger) {
    this.long = new LongRoom(element.querySelector(".long-room"), this.store, trigger);
    watch("value", () => this.long.receive(props.value));
    this.long.receive(props.value);
  },

  // On a phone the player is out of view: its button and its place stand above Speak.
  mountMini() {
    const mini = make("div", "", { id: "mini" });
    const button = make("button", "play", { type: "button" });
    const title = make("span", "title");
    button.addEventListener("click", () => this.stage.toggle());
    mini.append(button, title);
    document.querySelector("#speak-bar")?.prepend(mini);
    this.stage.onRefresh(() => {
      const { playing, waiting } = this.stage.sound;
      button.innerHTML = playing ? PAUSE_ICON : PLAY_ICON;
      button.disabled = waiting;
      button.setAttribute("aria-label", playing ? WORDS.pause : WORDS.play);
      title.textContent = this.stage.title.textContent;
    });
  },

  mountVoices(element) {
    this.voices = new VoiceMenu(element.querySelector(".voice-line"), this.store);
  },

  mountStyles(element, props, watch, trigger) {
    this.styles = new StyleMenu(element.querySelector(".style-line"), this.store, trigger);
    watch("value", () => this.styles.receive(props.value));
  },

  mountMeter(props, watch) {
    this.marks = new PromptMarks();
    watch("value", () => {
      this.marks.read(props.value);
      this.grid?.form.plan(); // the text is another, also where nobody typed it
    });
    this.marks.read(props.value);
  },

  mountTags(element) {
    this.tagMenu ||= new TagMenu();
    element.addEventListener("click", (event) => {
      const tag = event.target.closest("[data-tag]");
      if (tag) insertTag(tag.dataset.tag);
    });
  },

  delete(ids) {
    const numbers = ids.map((id) => this.store.get(id)?.number);
    this.store.delete(ids, this.library.shown());
    say(WORDS.deleted(ids.length, numbers[0]), "", { label: WORDS.undo, press: () => this.restore() });
  },

  async restore() {
    const back = await this.store.restore();
    if (!back) return;
    if (back.length) this.stage.choose(back[0]);
    say(back.length ? WORDS.back(back) : WORDS.nothingToUndo);
  },

  openGrid(id) {
    this.rooms.show("grid");
    this.grid.reopen(id);
  },

  compare(takes, options) {
    if (takes.length < 2) return say(WORDS.needTwo);
    this.comparison.open(takes, options);
  },

  // Keys that mean something else in the room that is shown.
  roomKeys(event) {
    return { grid: this.grid, compare: this.comparison, long: this.long }[this.rooms.name]?.keys(event);
  },

  showKeys() {
    this.keys ||= keysDialog();
    this.keys.showModal();
  },
};

// The page is seen once its parts are there; a part that never comes keeps nobody waiting for long.
const PARTS = "#speak, #prompt textarea, #hold input, #n-takes input, #model-line .model, .takes .list-head";
const SEEN_AT_LAST_MS = 6000;

function showWhenReady() {
  const all = PARTS.split(", ").every((part) => document.querySelector(part));
  if (!all && performance.now() < SEEN_AT_LAST_MS) return requestAnimationFrame(showWhenReady);
  return requestAnimationFrame(() => (document.documentElement.dataset.ready = ""));
}
showWhenReady();

// What a line said of one text, take or setting is not said of another.
function hideStaleStatus() {
  const line = document.querySelector("#status p.status");
  if (line) line.hidden = true;
}

// A seed that was typed or pasted is one that is meant; Gradio's own event hears of typing only.
function holdWrittenSeed(box) {
  const [isNew, held] = document.querySelectorAll("#hold input");
  (box.value.trim() ? held : isNew).click();
}

document.addEventListener("input", ({ target }) => {
  if (target.closest?.("#left")) hideStaleStatus();
  if (target.closest?.("#seed")) holdWrittenSeed(target);
});
