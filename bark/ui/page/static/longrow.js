// The rows of a long text: a chunk each, its sentences, and what can be done with it alone.

function chunkRow(room, chunk, speaker) {
  const { number } = chunk;
  const row = make("li", "chunk", speaker < 0 ? {} : { "data-speaker": String(1 + (speaker % 5)) });
  const face = make("button", "face", { type: "button" });
  face.addEventListener("click", (event) => {
    const sentence = Number(event.target.closest?.(".sentence")?.dataset.at ?? 0);
    const { sound } = room;
    const isHeard = sound.number === number && sound.playing && (!event.detail || sound.sentence === sentence);
    return isHeard ? sound.stop() : sound.from(number, { sentence });
  });
  const tools = make("div", "tools");
  tools.append(
    barButton(WORDS.redo, () => room.change(number, { do: "redo" })),
    barButton(WORDS.edit, () => editRow(room, row, number)),
    barButton(WORDS.revert, () => room.change(number, { do: "revert" })),
  );
  for (const button of tools.children) button.setAttribute("aria-label", `${button.textContent}, chunk ${number}`);
  row.append(face, tools);
  return row;
}

// A form stays until its chunk has come with other words: those of an edit that is refused are kept.
function editRow(room, row, number) {
  if (row.querySelector("textarea")) return;
  const { text } = room.chunk(number);
  const box = make("textarea", "", { rows: "3", "aria-label": WORDS.chunk(number, "") });
  box.value = text;
  const form = make("div", "chunk-edit");
  Object.assign(form, { long: room.long.id, number, text });
  const close = () => form.remove();
  const save = barButton(WORDS.save, () => {
    room.change(number, { do: "edit", text: box.value });
    if (plainWords(box.value) === plainWords(text)) close();
  });
  form.append(box, save, barButton(WORDS.cancel, close));
  row.append(form);
  box.focus();
}

function plainWords(text) {
  return text.trim().split(/\s+/).join(" ");
}

// Draws a row again where something about it has changed.
function drawChunk(room, row, chunk) {
  const why = room.failures.get(chunk.number);
  const working = room.working.has(chunk.number);
  const written = JSON.stringify([chunk, why, working, room.busy]);
  if (row.written === written) return;
  row.written = written;
  const [face, tools] = row.children;
  face.disabled = !chunk.key && !room.busy;
  face.setAttribute("aria-label", `${WORDS.hearFrom(chunk.number)}: ${chunk.text}`);
  const facts = make("span", "facts");
  const length = chunk.seconds === null ? `~${chunk.expected.toFixed(1)} s` : `${chunk.seconds.toFixed(1)} s`;
  facts.textContent = [chunk.speaker, length, chunk.edited ? WORDS.edited : "", ...chunk.findings, why || ""].filter(Boolean).join(" · ");
  face.replaceChildren(wordsOf(chunk), facts);
  if (working) face.append(barOf());
  row.classList.toggle("unmade", !chunk.key);
  row.classList.toggle("heading", chunk.heading);
  tools.hidden = Boolean(room.busy);
  tools.children[0].hidden = !chunk.key;
  tools.children[2].hidden = !chunk.edited;
}

function wordsOf({ text, sentences }) {
  const words = make("span", "words");
  const letters = [...text]; // as Python counts them: an emoji is one
  const piece = (from, to) => letters.slice(from, to).join("");
  let at = 0;
  sentences.forEach(([start, end], i) => {
    const sentence = make("span", "sentence", { "data-at": String(i) });
    sentence.textContent = piece(start, end);
    words.append(piece(at, start), sentence);
    at = end;
  });
  words.append(piece(at));
  return words;
}
