// The list of takes: rows are kept while they stay the same, so that focus and place survive.

const SVG = "http://www.w3.org/2000/svg";

function thumbnail(peaks) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${peaks.length * 2} 24`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  const half = (peak) => Math.max(0.6, 11.5 * Math.sqrt(peak));
  path.setAttribute(
    "d",
    peaks.map((peak, i) => `M${i * 2 + 0.5} ${12 - half(peak)}V${12 + half(peak)}`).join(""),
  );
  svg.append(path);
  return svg;
}

class TakeList {
  constructor(root, trigger) {
    this.root = root;
    this.trigger = trigger;
    this.rows = new Map();
    this.onlyStars = false;
    const head = make("div", "list-head");
    this.count = make("span", "count");
    this.all = this.filterButton("All", false);
    this.stars = this.filterButton("Starred", true);
    head.append(this.count, this.all, this.stars);
    this.list = make("ul", "rows", { "aria-label": "Takes" });
    this.empty = make("p", "nothing");
    this.root.append(head, this.list, this.empty);
    this.list.addEventListener("keydown", (event) => this.move(event));
    this.show({ takes: [], selected: null });
  }

  filterButton(label, onlyStars) {
    const button = make("button", "filter", { type: "button" });
    button.textContent = label;
    button.addEventListener("click", () => {
      this.onlyStars = onlyStars;
      this.show(this.value);
    });
    return button;
  }

  show(value) {
    if (!value) return;
    this.value = value;
    const takes = value.takes.filter((take) => take.star || !this.onlyStars);
    this.all.setAttribute("aria-pressed", String(!this.onlyStars));
    this.stars.setAttribute("aria-pressed", String(this.onlyStars));
    this.count.textContent = value.takes.length ? `Takes (${value.takes.length})` : "Takes";
    this.empty.textContent = value.takes.length ? "No take has a star yet." : this.root.dataset.empty;
    this.empty.hidden = takes.length > 0;
    const rows = takes.map((take) => this.row(take));
    for (const [id, row] of this.rows) if (!rows.includes(row)) this.forget(id, row);
    rows.forEach((row, i) => {
      if (this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i] || null);
      const main = row.querySelector(".main");
      if (takes[i].id === value.selected) main.setAttribute("aria-current", "true");
      else main.removeAttribute("aria-current");
    });
  }

  forget(id, row) {
    row.remove();
    this.rows.delete(id);
  }

  row(take) {
    const written = JSON.stringify(take);
    const known = this.rows.get(take.id);
    if (known?.written === written) return known;
    const row = make("li", "row");
    row.written = written;
    row.append(this.playButton(take), this.mainButton(take), this.starButton(take));
    if (known) {
      const focused = known.contains(document.activeElement) && document.activeElement.className;
      known.replaceWith(row);
      if (focused) row.querySelector(`.${focused.split(" ")[0]}`)?.focus();
    }
    this.rows.set(take.id, row);
    return row;
  }

  playButton(take) {
    const button = make("button", "play", {
      type: "button",
      "aria-label": `Play take ${take.number}`,
    });
    button.innerHTML = PLAY_ICON;
    button.addEventListener("click", () => this.trigger("choose", { id: take.id, play: true }));
    return button;
  }

  mainButton(take) {
    const button = make("button", "main", { type: "button" });
    const cells = {
      number: String(take.number),
      text: take.text,
      voice: take.voice,
      temperatures: take.temperatures,
      seed: take.seed,
      length: `${take.seconds.toFixed(1)} s`,
    };
    for (const [name, text] of Object.entries(cells)) {
      const cell = make("span", name);
      if (name === "text" && take.note) {
        const note = make("em", "");
        note.textContent = take.note;
        cell.append(note);
      }
      cell.append(text);
      button.append(cell);
    }
    button.insertBefore(thumbnail(take.peaks), button.children[1]);
    button.addEventListener("click", () => this.trigger("choose", { id: take.id, play: false }));
    return button;
  }

  starButton(take) {
    const button = make("button", "star", {
      type: "button",
      "aria-pressed": String(take.star),
      "aria-label": `${take.star ? "Take the star from" : "Star"} take ${take.number}`,
    });
    button.innerHTML = STAR_ICON;
    button.addEventListener("click", () => this.trigger("star", { id: take.id }));
    return button;
  }

  // Arrow keys step through the takes, as in an audio editor.
  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest?.(".row");
    if (!step || !row) return;
    const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    if (!next) return;
    event.preventDefault();
    next.querySelector(".main").focus();
    next.querySelector(".main").click();
  }
}
