// The rows of the list of takes.

function headRow(library, { head, of }) {
  const row = make("div", of ? "head-row run" : "head-row day", { role: "listitem" });
  const label = make("span", "label");
  label.textContent = head;
  row.append(label);
  if (of) {
    const all = make("button", "filter", { type: "button", tabindex: "-1", "aria-label": `Select these ${of.length} takes` });
    all.textContent = "Select";
    all.addEventListener("click", () => library.markAll(of));
    row.append(all);
  }
  return row;
}

function pendingRow({ text, seed }) {
  const row = make("div", "row pending", { role: "listitem" });
  const bar = make("span", "bar unknown");
  bar.append(make("i", ""));
  const said = make("span", "text");
  said.textContent = text;
  const number = make("span", "seed");
  number.textContent = seed;
  row.append(bar, said, number);
  return row;
}

function takeRow(library, { take, inRun }) {
  const row = make("div", inRun ? "row in-run" : "row", { role: "listitem" });
  row.append(playButton(library, take), mainButton(library, take, inRun), starButton(library, take));
  return row;
}

function playButton(library, take) {
  const button = make("button", "play", { type: "button", tabindex: "-1", "aria-label": `Play take ${take.number}` });
  button.innerHTML = PLAY_ICON;
  button.addEventListener("click", () => library.play(take));
  return button;
}

function mainButton(library, take, inRun) {
  const button = make("button", "main", { type: "button", tabindex: "-1", "aria-label": WORDS.row(take) });
  const cells = {
    number: String(take.number),
    text: inRun ? "" : take.text,
    voice: inRun ? "" : take.voice,
    temperatures: inRun ? "" : take.temperatures,
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
    if (name === "text") cell.append(...(take.flags || []).map(flagMark));
    cell.append(text);
    button.append(cell);
  }
  button.insertBefore(thumbnail(unpackPeaks(take.peaks)), button.children[1]);
  button.addEventListener("click", (event) => library.press(event, take));
  return button;
}

function flagMark([kind, said]) {
  const mark = make("em", "flag", { title: said });
  mark.textContent = WORDS.flags[kind];
  return mark;
}

function starButton(library, take) {
  const button = make("button", "star", {
    type: "button",
    tabindex: "-1",
    "aria-pressed": String(take.star),
    "aria-label": `${take.star ? "Take the star from" : "Star"} take ${take.number}`,
  });
  button.innerHTML = STAR_ICON;
  button.addEventListener("click", () => library.store.star([take.id], !take.star));
  return button;
}
