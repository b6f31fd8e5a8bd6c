// The rows of the list of takes.

function headRow(library, { head, text, common, grid, of }) {
  const row = make("div", of ? "head-row run" : "head-row day", { role: "listitem" });
  for (const [name, said] of Object.entries({ label: head, text, common })) {
    if (!said) continue;
    const part = make("span", name);
    part.textContent = said;
    row.append(part);
  }
  if (grid) row.append(headButton(WORDS.openGrid, WORDS.openThisGrid, () => barkStudio.openGrid(grid)));
  if (of) row.append(headButton(WORDS.select, WORDS.selectThese(of.length), () => library.markAll(of)));
  return row;
}

function headButton(label, name, press) {
  const button = make("button", "filter", { type: "button", tabindex: "-1", "aria-label": name });
  button.textContent = label;
  button.addEventListener("click", press);
  return button;
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

function takeRow(library, { take, differs }) {
  const inRun = differs !== null;
  const row = make("div", inRun ? "row in-run" : "row", { role: "listitem" });
  row.append(playButton(library, take), mainButton(library, take, differs), starButton(library, take));
  return row;
}

function playButton(library, take) {
  const button = make("button", "play", { type: "button", tabindex: "-1", "aria-label": WORDS.playTake(take.number) });
  button.innerHTML = PLAY_ICON;
  button.addEventListener("click", () => library.play(take));
  return button;
}

function mainButton(library, take, differs) {
  const inRun = differs !== null; // its heading says the rest
  const button = make("button", "main", { type: "button", tabindex: "-1", "aria-label": WORDS.row(take) });
  const cells = {
    number: String(take.number),
    text: inRun ? differs : take.text,
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
  button.addEventListener("contextmenu", (event) => library.longPress(event, take));
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
    "aria-label": WORDS.starTake(take),
  });
  button.innerHTML = STAR_ICON;
  button.addEventListener("click", () => library.store.star([take.id], !take.star));
  return button;
}
