// The words of a take under its waveform: the one being said in ink, a press plays from there.

const knownWords = new Map(); // id → [[first character, last, begin, end], ...]

// When each word of a take is said; [] where nobody knows, or not yet: while the model loads.
async function takeWords(take) {
  if (!knownWords.has(take.id)) {
    const asked = fetch(`${take.url}/words`)
      .then((answer) => (answer.ok ? answer.json() : { words: [] }))
      .then(({ words }) => words)
      .catch(() => []);
    knownWords.set(take.id, asked);
    if (!(await asked).length) knownWords.delete(take.id);
    return asked;
  }
  return knownWords.get(take.id);
}

// The place in another take where the same thing is said; without words, the same share of it.
function matchingTime(seconds, one, other, lengths) {
  if (!one.length || one.length !== other.length) {
    return Math.min(Math.max(seconds, 0) / Math.max(lengths[0], 1e-9), 1) * lengths[1];
  }
  const marks = [one, other].map((words, side) => [
    0,
    ...words.flatMap(([, , start, end]) => [start, end]),
    lengths[side],
  ]);
  let i = 1;
  while (i < marks[0].length - 1 && marks[0][i] < seconds) i++;
  const [a, b] = [marks[0][i - 1], marks[0][i]];
  const share = b > a ? Math.min(1, Math.max(0, (seconds - a) / (b - a))) : 1;
  return marks[1][i - 1] + share * (marks[1][i] - marks[1][i - 1]);
}

class WordLine {
  constructor(root, playFrom) {
    this.root = root;
    this.playFrom = playFrom;
    this.spans = [];
    root.addEventListener("click", (event) => {
      const start = event.target.closest?.("[data-start]")?.dataset.start;
      if (start !== undefined) this.playFrom(Number(start));
    });
  }

  async load(take) {
    this.take = take.id;
    this.show(take.text, []);
    const words = await takeWords(take);
    if (this.take === take.id) this.show(take.text, words);
  }

  show(text, words) {
    this.spans = [];
    if (!words.length) {
      this.root.textContent = text;
      return;
    }
    // Characters as Python counts them: an emoji is one.
    const letters = [...text.trim().replace(/\s+/g, " ")];
    const piece = (from, to) => letters.slice(from, to).join("");
    const parts = [];
    let at = 0;
    for (const [first, last, start, end] of words) {
      parts.push(piece(at, first));
      const span = make("span", "word", { "data-start": start });
      span.textContent = piece(first, last);
      this.spans.push({ span, start, end });
      parts.push(span);
      at = last;
    }
    this.root.replaceChildren(...parts, piece(at));
  }

  // Puts the word into ink that is said at this time; null for none.
  mark(seconds) {
    for (const { span, start, end } of this.spans) {
      span.classList.toggle("now", seconds !== null && seconds >= start && seconds < end);
    }
    this.root.classList.toggle("follows", seconds !== null && this.spans.length > 0);
  }
}
