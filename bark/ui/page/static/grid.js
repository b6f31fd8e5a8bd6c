// A grid of takes: cells appear as they are done, and play at the same place in the sentence.

const HOVER_MS = 150;

class GridRoom {
  constructor(root, store, trigger) {
    Object.assign(this, { root, store });
    this.cells = new Map(); // index → take
    this.crossed = new Set();
    this.active = 0;
    this.page = 0;
    this.deck = new Deck(() => this.mark());
    this.deck.onMove = (position) => this.moveHead(position);
    this.form = new GridForm(root, (asked) => trigger("make", asked));
    this.bar = make("div", "grid-bar");
    this.table = make("div", "grid-table");
    root.append(this.bar, this.table);
    this.earlier = make("select", "earlier", { "aria-label": WORDS.earlierGrids });
    this.earlier.addEventListener("focus", () => this.listEarlier());
    this.earlier.addEventListener("change", () => this.reopen(this.earlier.value));
    this.earlier.append(new Option(WORDS.earlierGrids, ""));
    root.querySelector(".grid-foot").prepend(this.earlier);
    this.table.addEventListener("keydown", (event) => this.key(event));
    this.table.addEventListener("pointermove", (event) => this.hasMoved(event));
    store.watch(() => this.followList());
  }

  receive(message) {
    if (!message) return;
    if (message.kind === "grid") {
      barkStudio.rooms.show("grid");
      return this.open(message);
    }
    if (message.id !== this.grid?.id) return;
    const handlers = {
      started: () => message.cells.forEach((i) => this.making.add(i)),
      cell: () => this.put(message.cell, message.take),
      failed: () => (this.grid.failures[message.cell] = message.why),
      ended: () => {
        this.making.clear();
        this.form.plan(); // the time that one takes is known now
      },
    };
    handlers[message.kind]?.();
    if (message.kind !== "started" && message.cell !== undefined) this.making.delete(message.cell);
    this.draw();
  }

  open(grid) {
    this.deck.stop();
    this.grid = grid;
    this.cells = new Map(Object.entries(grid.cells).map(([i, take]) => [Number(i), take]));
    this.making = new Set();
    this.crossed.clear();
    [this.active, this.page] = [0, 0];
    for (const take of this.cells.values()) this.store.takes.set(take.id, this.store.get(take.id) || take);
    this.store.keepGrid(grid);
    this.nodes = null;
    this.draw();
    this.deck.prepare([...this.cells.values()].slice(0, MAX_DECODED));
  }

  put(index, take) {
    this.cells.set(index, take);
    if (!this.store.get(take.id)) this.store.takes.set(take.id, take); // else it may have a star by now
    this.store.cells.set(take.id, { grid: this.grid, cell: index });
    this.deck.prepare([take]);
  }

  async listEarlier() {
    const answer = await fetch(`${this.store.url}/grids`).catch(() => null);
    if (!answer?.ok) return;
    const { grids } = await answer.json();
    const options = grids.map(({ id, text, axes, takes }) => new Option(`${text.slice(0, 40)} · ${axes.join(" × ")} · ${WORDS.nTakes(Object.keys(takes).length)}`, id));
    this.earlier.replaceChildren(new Option(WORDS.earlierGrids, ""), ...options);
  }

  async reopen(id) {
    if (!id) return;
    const answer = await fetch(`${this.store.url}/grids/${id}`).catch(() => null);
    if (answer?.ok) this.open(await answer.json());
    else say(WORDS.gridFailed, "fault");
    this.earlier.value = "";
  }

  take(index) {
    const take = this.cells.get(index);
    return take && this.store.get(take.id);
  }

  takes() {
    return [...this.cells.keys()].sort((a, b) => a - b).map((i) => this.take(i)).filter(Boolean);
  }

  followList() {
    if (this.grid) this.draw();
  }

  index(x, y) {
    const [across, down] = this.grid.shape;
    return (this.page * down + y) * across + x;
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.drawBar();
      if (!this.nodes || this.nodes.page !== this.page) this.build();
      for (const [index, node] of this.nodes.cells) this.drawCell(index, node);
      this.mark();
    });
  }

  drawBar() {
    const takes = this.takes();
    const plain = takes.filter(({ star }) => !star);
    const buttons = [];
    const [, , pages] = this.grid.shape;
    for (let page = 0; pages > 1 && page < pages; page++) {
      const button = barButton(`${this.grid.axes[2]} ${this.grid.headings[2][page]}`, () => {
        this.page = page;
        this.active = this.index(0, 0);
        this.draw();
      });
      button.setAttribute("aria-pressed", String(page === this.page));
      buttons.push(button);
    }
    const gap = make("span", "gap");
    buttons.push(gap);
    if (takes.length && plain.length && plain.length < takes.length) {
      buttons.push(barButton(WORDS.keepStarred(plain.length), () => barkStudio.delete(plain.map(({ id }) => id))));
    }
    if (this.crossed.size) {
      const gone = [...this.crossed].map((i) => this.take(i)?.id).filter(Boolean);
      if (gone.length) buttons.push(barButton(WORDS.deleteCrossed(gone.length), () => barkStudio.delete(gone)));
    }
    const starred = takes.filter(({ star }) => star);
    if (starred.length > 1) buttons.push(barButton(WORDS.compareStarred(starred.length), () => barkStudio.compare(starred.slice(0, 8))));
    const link = make("a", "filter", { href: `${this.grid.url}/zip`, download: "" });
    link.textContent = WORDS.zip;
    if (takes.length) buttons.push(link);
    replaceButtons(this.bar, buttons, () => this.nodes?.cells.get(this.active)?.firstChild);
  }

  build() {
    const [across, down] = this.grid.shape;
    const [tops, sides] = this.grid.headings;
    const table = make("div", "cells", { role: "grid", "aria-label": WORDS.gridOf(this.grid.text) });
    table.style.gridTemplateColumns = `max-content repeat(${across}, minmax(96px, 1fr))`;
    this.nodes = { page: this.page, cells: new Map() };
    const top = make("div", "line", { role: "row" });
    const corner = make("div", "corner", { role: "columnheader" });
    corner.textContent = [this.grid.axes[1], this.grid.axes[0]].filter(Boolean).join(" \\ ");
    top.append(corner);
    for (let x = 0; x < across; x++) {
      top.append(this.heading("columnheader", tops[x], Array.from({ length: down }, (_, y) => this.index(x, y))));
    }
    table.append(top);
    for (let y = 0; y < down; y++) {
      const line = make("div", "line", { role: "row" });
      line.append(this.heading("rowheader", sides[y], Array.from({ length: across }, (_, x) => this.index(x, y))));
      for (let x = 0; x < across; x++) line.append(this.cell(this.index(x, y)));
      table.append(line);
    }
    this.table.replaceChildren(table);
  }

  // A press plays its row or column in turn.
  heading(role, text, indexes) {
    const box = make("div", "heading", { role });
    const button = make("button", "", { type: "button", tabindex: "-1", title: WORDS.playInTurn });
    button.textContent = text || "\u00a0";
    button.disabled = !text;
    button.addEventListener("click", () => this.inTurn(indexes));
    box.append(button);
    return box;
  }

  inTurn(indexes) {
    const [first, ...rest] = indexes.filter((i) => this.take(i));
    if (first === undefined) return;
    this.active = first;
    this.deck.stop();
    this.deck.onEnded = () => (rest.length ? this.inTurn(rest) : (this.deck.onEnded = null));
    this.deck.play(this.take(first), { at: 0 });
  }

  cell(index) {
    const cell = make("div", "cell", { role: "gridcell" });
    const button = make("button", "face", { type: "button", tabindex: "-1" });
    button.addEventListener("click", () => this.press(index));
    button.addEventListener("dblclick", () => this.openTake(index));
    button.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "mouse" || !this.form.hover.box.checked || !this.hasMoved(event)) return;
      clearTimeout(this.hovering);
      this.hovering = setTimeout(() => this.hear(index), HOVER_MS);
    });
    button.addEventListener("pointerleave", () => clearTimeout(this.hovering));
    const star = make("button", "star", { type: "button", tabindex: "-1" });
    star.innerHTML = STAR_ICON;
    star.addEventListener("click", () => this.toggleStar(index));
    cell.append(button, star);
    this.nodes.cells.set(index, cell);
    return cell;
  }

  // Cells that move or appear under a resting mouse are entered too: nobody points at them.
  hasMoved({ screenX, screenY }) {
    const [x, y] = this.pointer || [];
    this.pointer = [screenX, screenY];
    return x !== screenX || y !== screenY;
  }

  drawCell(index, cell) {
    const take = this.take(index);
    const longest = Math.max(0.1, ...this.takes().map(({ seconds }) => seconds));
    const gone = this.cells.has(index) && !take;
    const why = this.grid.failures[index];
    const making = this.making.has(index);
    const written = JSON.stringify([take?.id, take?.star, longest, why, making, gone, this.crossed.has(index)]);
    if (cell.written === written) return;
    cell.written = written;
    const [face, star] = cell.children;
    cell.className = `cell${take ? "" : " empty"}${this.crossed.has(index) ? " crossed" : ""}`;
    star.hidden = !take;
    face.setAttribute("aria-disabled", String(!take)); // keys reach it all the same
    if (!take) {
      face.textContent = why || (gone ? WORDS.deletedCell : "");
      face.setAttribute("aria-label", why || (making ? WORDS.beingMade : WORDS.emptyCell));
      if (making) face.replaceChildren(barOf());
      return;
    }
    const wave = thumbnail(unpackPeaks(take.peaks));
    wave.style.width = `${(100 * take.seconds) / longest}%`;
    const head = make("i", "head");
    const length = make("span", "length");
    length.textContent = `${take.seconds.toFixed(1)} s`;
    face.replaceChildren(wave, head, length);
    face.setAttribute("aria-label", WORDS.row(take) + (this.crossed.has(index) ? WORDS.crossedOut : ""));
    star.setAttribute("aria-pressed", String(take.star));
    star.setAttribute("aria-label", WORDS.starTake(take));
    cell.scale = longest;
  }

  mark() {
    if (!this.nodes) return;
    if (!this.nodes.cells.has(this.active)) this.active = this.index(0, 0);
    const playing = this.deck.playing ? this.deck.take.id : null;
    for (const [index, cell] of this.nodes.cells) {
      cell.firstChild.tabIndex = index === this.active ? 0 : -1;
      cell.classList.toggle("playing", playing !== null && this.take(index)?.id === playing);
      cell.classList.toggle("active", index === this.active);
    }
  }

  moveHead(position) {
    for (const [index, cell] of this.nodes.cells) {
      if (this.take(index)?.id !== this.deck.take.id) continue;
      const head = cell.querySelector(".head");
      if (head) head.style.left = `${(100 * position) / cell.scale}%`;
    }
  }

  hear(index, options = {}) {
    const take = this.take(index);
    this.active = index;
    this.deck.onEnded = null;
    if (take) this.deck.play(take, options);
    this.mark();
  }

  press(index) {
    clearTimeout(this.hovering);
    const take = this.take(index);
    if (this.deck.playing && this.deck.take.id === take?.id && !this.form.hover.box.checked) return this.deck.stop();
    this.hear(index, this.deck.take?.id === take?.id ? { at: 0 } : {});
  }

  openTake(index) {
    const take = this.take(index);
    if (!take) return;
    this.deck.stop();
    barkStudio.rooms.show("take");
    barkStudio.stage.choose(take, { play: true });
  }

  toggleStar(index) {
    const take = this.take(index);
    if (take) this.store.star([take.id], !take.star);
  }

  key(event) {
    if (!this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const does = this.meaning(event);
    if (!does || event.target.closest(".heading, .star")) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  }

  // What is heard or pointed at hears the keys, wherever the focus is.
  keys(event) {
    const isMeant = this.grid && (this.deck.playing || this.table.matches(":hover"));
    const isPress = event.key === "Enter" && event.target.closest?.("button, a, summary");
    return isMeant && !isPress ? this.meaning(event) : null;
  }

  meaning(event) {
    const [across, down] = this.grid.shape;
    const at = this.active - this.index(0, 0);
    const [x, y] = [at % across, Math.floor(at / across)];
    const to = (nx, ny) => () => this.go(Math.min(across - 1, Math.max(0, nx)), Math.min(down - 1, Math.max(0, ny)));
    const does = {
      ArrowLeft: to(x - 1, y),
      ArrowRight: to(x + 1, y),
      ArrowUp: to(x, y - 1),
      ArrowDown: to(x, y + 1),
      Home: to(0, y),
      End: to(across - 1, y),
      s: () => this.toggleStar(this.active),
      x: () => {
        if (!this.crossed.delete(this.active)) this.crossed.add(this.active);
        this.draw();
      },
      Enter: () => this.openTake(this.active),
      " ": () => (this.deck.playing ? this.deck.stop() : this.hear(this.active)),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!does) return null;
    return () => {
      clearTimeout(this.hovering); // what a key chooses is not taken back by where the mouse was
      does();
    };
  }

  go(x, y) {
    const index = this.index(x, y);
    this.nodes.cells.get(index).firstChild.focus();
    this.hear(index);
  }
}

function barButton(label, press) {
  const button = make("button", "filter", { type: "button" });
  button.textContent = label;
  button.addEventListener("click", press);
  return button;
}

// Puts other buttons into a box: the focus stays on the one of the same words, else goes to `next`.
function replaceButtons(box, buttons, next) {
  const had = box.contains(document.activeElement) ? document.activeElement.textContent : null;
  box.replaceChildren(...buttons);
  if (had === null) return;
  const same = buttons.find(({ textContent, disabled }) => textContent === had && !disabled);
  (same || next?.())?.focus({ preventScroll: true });
}

function barOf() {
  const bar = make("span", "bar unknown");
  bar.append(make("i", ""));
  return bar;
}
