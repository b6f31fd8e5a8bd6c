// The list of takes: searched, filtered, grouped by run; only the rows in view are in the page.

const isNarrow = matchMedia("(max-width: 820px)"); // as sizes.css
const OVERSCAN = 6; // rows kept above and below the view
const LONG_PRESS = "touch"; // a long press of a finger selects, as Ctrl and a click do

class Library {
  constructor(root, store, stage) {
    Object.assign(this, { root, store, stage });
    this.filter = { query: "", stars: false, voice: "", model: "", check: "", days: 0, order: "newest" };
    this.marked = new Set();
    this.items = [];
    this.nodes = new Map();
    this.active = null; // the row that a Tab reaches
    this.build();
    store.watch(() => this.show());
    stage().onRefresh(() => this.showPlaying());
    this.list.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.list);
    isNarrow.addEventListener("change", () => this.show());
    this.show();
  }

  get rowHeight() {
    return isNarrow.matches ? 46 : 38;
  }

  get headHeight() {
    return isNarrow.matches ? 46 : 30;
  }

  build() {
    this.count = make("span", "count");
    this.all = this.pill(WORDS.all, () => this.set({ stars: false }));
    this.stars = this.pill(WORDS.starred, () => this.set({ stars: true }));
    this.every = this.pill(WORDS.selectAll, () => this.markAll(this.takes));
    const head = make("div", "list-head");
    head.append(this.count, this.every, this.all, this.stars);
    this.search = make("input", "search", { type: "search", placeholder: WORDS.search, "aria-label": WORDS.search });
    this.search.addEventListener("input", () => this.set({ query: this.search.value }));
    this.voices = this.choice(WORDS.voice, [], (voice) => this.set({ voice }));
    this.models = this.choice(WORDS.model, [], (model) => this.set({ model }));
    const days = [[0, WORDS.anyDay], ...Object.entries(WORDS.days)];
    this.days = this.choice(WORDS.day, days, (value) => this.set({ days: Number(value) }));
    const kinds = Object.entries(WORDS.flags);
    const checks = [["", WORDS.anyCheck], ["flagged", WORDS.flagged], ...kinds, ["passed", WORDS.passed], ["unchecked", WORDS.unchecked]];
    this.checks = this.choice(WORDS.checkLabel, checks, (check) => this.set({ check }));
    this.checkAll = this.pill(WORDS.check, () => this.store.check(this.takes.filter(({ flags }) => !flags).map(({ id }) => id)));
    this.checkAll.title = WORDS.checkHow;
    this.order = this.choice(WORDS.order, Object.entries(WORDS.orders), (order) => this.set({ order }));
    this.filters = make("div", "filters");
    this.filters.append(this.search, this.voices, this.models, this.days, this.checks, this.order, this.checkAll);
    this.bar = this.buildBar();
    this.list = make("div", "rows", { role: "list", "aria-label": WORDS.list });
    this.sheet = make("div", "sheet", { role: "presentation" });
    this.list.append(this.sheet);
    this.empty = make("p", "nothing");
    this.root.append(head, this.filters, this.bar, this.list, this.empty);
    this.list.addEventListener("keydown", (event) => this.step(event));
  }

  buildBar() {
    const bar = make("div", "chosen-bar");
    this.chosen = make("span", "n");
    const buttons = [
      [WORDS.playInTurn, () => this.stage().playInTurn(this.markedTakes())],
      [WORDS.compare, () => barkStudio.compare(this.markedTakes())],
      [WORDS.check, () => this.store.check(this.markedIds())],
      [WORDS.zip, () => this.store.download(this.markedIds())],
      [WORDS.delete, () => barkStudio.delete(this.markedIds())],
      [WORDS.clear, () => this.clearMarks()],
    ];
    bar.append(this.chosen, ...buttons.map(([label, press]) => this.pill(label, press)));
    bar.lastElementChild.classList.add("clear");
    return bar;
  }

  pill(label, press) {
    const button = make("button", "filter", { type: "button" });
    button.textContent = label;
    button.addEventListener("click", press);
    return button;
  }

  choice(label, entries, press) {
    const select = make("select", "", { "aria-label": label });
    for (const [value, text] of entries) select.append(new Option(text, value));
    select.addEventListener("change", () => press(select.value));
    return select;
  }

  set(changes) {
    Object.assign(this.filter, changes);
    this.list.scrollTop = 0;
    this.show();
  }

  find() {
    this.filters.hidden = false;
    this.search.focus();
  }

  // The takes that the filters let through, in their order.
  shown() {
    const { query, stars, voice, model, check, days, order } = this.filter;
    const terms = query.toLowerCase().split(/\s+/).filter(Boolean);
    const since = days === 1 ? new Date().setHours(0, 0, 0, 0) : Date.now() - days * 86_400_000;
    const takes = this.store.all().filter((take) => {
      if (stars && !take.star) return false;
      if (voice && take.voice !== voice) return false;
      if (model && take.model !== model) return false;
      if (check && !hasCheck(take, check)) return false;
      if (days && take.at * 1000 < since) return false;
      if (!terms.length) return true;
      const said = `${take.text} ${take.note} ${take.voice} ${take.seed} ${take.number}`.toLowerCase();
      return terms.every((term) => said.includes(term));
    });
    if (order === "oldest") takes.reverse();
    if (order === "longest") takes.sort((a, b) => b.seconds - a.seconds);
    if (order === "shortest") takes.sort((a, b) => a.seconds - b.seconds);
    return takes;
  }

  show() {
    const takes = this.shown();
    this.takes = takes;
    const n = this.store.takes.size;
    this.count.textContent = WORDS.takes(takes.length, n);
    this.all.setAttribute("aria-pressed", String(!this.filter.stars));
    this.stars.setAttribute("aria-pressed", String(this.filter.stars));
    // never while they narrow the list, or what is missing could not be had back
    this.filters.hidden = n < 6 && takes.length === n && document.activeElement !== this.search;
    this.every.hidden = takes.length < 2;
    this.offer(this.voices, "voice", WORDS.anyVoice);
    this.offer(this.models, "model", WORDS.anyModel);
    for (const id of this.marked) if (!this.store.get(id)) this.marked.delete(id);
    this.bar.hidden = this.marked.size === 0;
    const nSeen = this.markedIds().length;
    this.showListeners();
    for (const button of this.bar.querySelectorAll("button:not(.clear)")) button.disabled = nSeen === 0;
    this.chosen.textContent = WORDS.chosen(nSeen, this.marked.size - nSeen);
    const plain = ["longest", "shortest"].includes(this.filter.order);
    this.items = [...this.pending(), ...groupTakes(takes, this.store.cells, { plain })];
    let top = 0;
    for (const item of this.items) {
      item.top = top;
      top += item.head ? this.headHeight : this.rowHeight;
    }
    this.sheet.style.height = `${top}px`;
    this.list.hidden = this.items.length === 0;
    this.empty.hidden = this.items.length > 0;
    const { query, stars } = this.filter;
    this.empty.textContent = !n ? this.root.dataset.empty : stars && !query ? WORDS.noStar : WORDS.noMatch;
    this.draw();
  }

  // Buttons of those that can check the words too, once it is known who is there.
  showListeners() {
    const { listeners } = this.store;
    if (!listeners || String(this.listeners) === String(listeners)) return;
    this.listeners = listeners;
    for (const old of this.bar.querySelectorAll(".listen-too")) old.remove();
    for (const name of listeners) {
      const pill = this.pill(WORDS.listenToo(name), () => this.store.check(this.markedIds(), name));
      pill.classList.add("listen-too");
      this.bar.append(pill);
    }
  }

  // A filter offers what the takes have; where they have one only, there is nothing to choose.
  offer(select, field, any) {
    const names = [...new Set([...this.store.takes.values()].map((take) => take[field]))].sort();
    const key = names.join("\n");
    if (key === select.offers) return;
    select.offers = key;
    select.replaceChildren(new Option(any, ""), ...names.map((name) => new Option(name, name)));
    if (!names.includes(this.filter[field])) this.filter[field] = "";
    select.value = this.filter[field];
    select.hidden = names.length < 2;
  }

  pending() {
    const rows = [];
    for (const [run, left] of this.store.making) {
      for (const row of left) rows.push({ key: `${run}-${row.i}`, pending: row });
    }
    return rows;
  }

  draw() {
    const top = this.list.scrollTop - OVERSCAN * this.rowHeight;
    const bottom = this.list.scrollTop + (this.list.clientHeight || 600) + OVERSCAN * this.rowHeight;
    const seen = new Set();
    let before = null;
    for (let i = this.firstBelow(top); i < this.items.length && this.items[i].top < bottom; i++) {
      const item = this.items[i];
      seen.add(item.key);
      const node = this.node(item);
      node.style.transform = `translateY(${item.top}px)`;
      const after = before ? before.nextSibling : this.sheet.firstChild;
      if (node !== after) this.sheet.insertBefore(node, after);
      before = node;
    }
    for (const [key, node] of this.nodes) {
      if (seen.has(key)) continue;
      node.remove();
      this.nodes.delete(key);
    }
    this.showChosen();
    this.showPlaying();
  }

  firstBelow(top) {
    let [low, high] = [0, this.items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[middle].top + this.rowHeight < top) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  node(item) {
    const written = JSON.stringify([item.head, item.common, item.of?.length, item.take, item.pending, item.differs]);
    const known = this.nodes.get(item.key);
    if (known?.written === written) return known;
    const made = item.take ? takeRow(this, item) : item.pending ? pendingRow(item.pending) : headRow(this, item);
    made.written = written;
    if (known) {
      const focused = known.contains(document.activeElement) && document.activeElement.className;
      known.replaceWith(made);
      if (focused) made.querySelector(`.${focused.split(" ")[0]}`)?.focus();
    }
    this.nodes.set(item.key, made);
    return made;
  }

  showChosen() {
    const { selected } = this.store;
    const reached = this.nodes.has(this.active) ? this.active : this.nodes.has(selected) ? selected : this.takes[0]?.id;
    for (const [key, node] of this.nodes) {
      const main = node.querySelector(".main");
      if (!main) continue;
      if (key === selected) main.setAttribute("aria-current", "true");
      else main.removeAttribute("aria-current");
      main.tabIndex = key === reached ? 0 : -1;
      node.classList.toggle("marked", this.marked.has(key));
    }
  }

  showPlaying() {
    const stage = this.stage();
    for (const [key, node] of this.nodes) {
      const button = node.querySelector(".play");
      if (!button) continue;
      const plays = stage.sound.playing && stage.take?.id === key;
      if (node.plays === plays) continue;
      node.plays = plays;
      button.innerHTML = plays ? PAUSE_ICON : PLAY_ICON;
      const number = this.store.get(key)?.number;
      button.setAttribute("aria-label", plays ? WORDS.pauseTake(number) : WORDS.playTake(number));
    }
  }

  press(event, take) {
    const touches = event.pointerType === LONG_PRESS && this.marked.size > 0;
    if (event.shiftKey || event.ctrlKey || event.metaKey || touches) return this.mark(take, event.shiftKey);
    this.active = take.id;
    barkStudio.rooms.show("take");
    this.stage().choose(take);
  }

  longPress(event, take) {
    if (event.pointerType !== LONG_PRESS) return;
    event.preventDefault();
    this.mark(take);
  }

  play(take) {
    const stage = this.stage();
    if (stage.take?.id === take.id) stage.toggle();
    else stage.choose(take, { play: true });
  }

  // Selects one row, or with shift all between it and the last one.
  mark(take, range) {
    const ids = this.takes.map(({ id }) => id);
    const last = ids.indexOf(this.anchor ?? this.store.selected);
    if (range && last >= 0) {
      const [low, high] = [last, ids.indexOf(take.id)].sort((a, b) => a - b);
      for (const id of ids.slice(low, high + 1)) this.marked.add(id);
    } else if (!this.marked.delete(take.id)) this.marked.add(take.id);
    this.anchor = take.id;
    this.show();
  }

  markAll(takes) {
    for (const { id } of takes) this.marked.add(id);
    this.show();
  }

  // What the bar's buttons act on: the selected takes that are in view, in the list's order.
  markedTakes() {
    return this.takes.filter(({ id }) => this.marked.has(id));
  }

  markedIds() {
    return this.markedTakes().map(({ id }) => id);
  }

  clearMarks() {
    this.marked.clear();
    this.show();
  }

  step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.closest?.(".row")) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(step, { focus: true, range: event.shiftKey });
  }

  // To the take above or below, which is shown, and heard where something was playing.
  move(step, { focus = false, range = false, play = false } = {}) {
    const ids = this.takes.map(({ id }) => id);
    const at = ids.indexOf(this.active && focus ? this.active : this.store.selected);
    const take = this.takes[Math.min(ids.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    if (!take || ids[at] === take.id) return;
    const stage = this.stage();
    if (range) this.mark(take, true);
    this.active = take.id;
    this.reveal(take.id);
    stage.choose(take, { play: play || stage.sound.playing });
    this.draw();
    if (focus) this.nodes.get(take.id)?.querySelector(".main").focus();
  }

  reveal(id) {
    const item = this.items.find(({ key }) => key === id);
    if (!item) return;
    const { scrollTop, clientHeight } = this.list;
    if (item.top < scrollTop) this.list.scrollTop = item.top - this.headHeight;
    if (item.top + this.rowHeight > scrollTop + clientHeight) this.list.scrollTop = item.top + this.rowHeight - clientHeight;
    this.draw();
  }
}

// Whether a take is of a kind: "flagged", "passed", "unchecked", or one of the check's findings.
function hasCheck({ flags }, kind) {
  if (kind === "unchecked") return !flags;
  if (kind === "passed") return flags?.length === 0;
  if (kind === "flagged") return flags?.length > 0;
  return Boolean(flags?.some(([found]) => found === kind));
}
