// Two to eight takes, changed at once at the same place; blind, with a verdict for every pair.

const MAX_COMPARED = 8;
const SENT_AGAIN_MS = 3000;

class CompareRoom {
  constructor(root, store) {
    Object.assign(this, { root, store });
    this.takes = [];
    this.match = null;
    this.unsent = []; // verdicts
    this.deck = new Deck(() => this.show());
    this.deck.level = true;
    this.deck.onMove = (position) => this.moveHead(position);
    this.deck.onEnded = () => this.show();
    this.build();
    this.show();
  }

  build() {
    this.empty = make("p", "nothing");
    this.empty.textContent = WORDS.compareHow;
    const options = make("div", "options");
    this.blind = this.check(options, WORDS.blind, () => this.restart());
    this.level = this.check(options, WORDS.level, () => this.setLevel(), true);
    this.loop = this.check(options, WORDS.loop, () => this.setLoop());
    this.pictures = make("div", "pictures");
    this.wave = make("canvas", "wave", { "aria-hidden": "true" });
    this.part = make("i", "part");
    this.head = make("i", "head");
    this.pictures.append(this.wave, this.part, this.head);
    this.pictures.addEventListener("pointerdown", (event) => this.drag(event));
    this.where = make("p", "where");
    this.said = make("p", "facts");
    this.buttons = make("div", "choices", { role: "group", "aria-label": WORDS.compare });
    this.vote = make("div", "vote");
    this.result = make("div", "result", { role: "status" });
    this.tally = make("div", "tally");
    this.root.append(this.empty, options, this.pictures, this.where, this.said, this.buttons, this.vote, this.result, this.tally);
    new ResizeObserver(() => this.drawWave()).observe(this.pictures);
  }

  check(box, text, press, checked = false) {
    const label = make("label", "check");
    const field = make("input", "", { type: "checkbox" });
    field.checked = checked;
    field.addEventListener("change", press);
    label.append(field, text);
    box.append(label);
    return field;
  }

  async open(takes, { blind = false } = {}) {
    this.deck.stop();
    this.all = takes.slice(0, MAX_COMPARED);
    this.blind.checked = blind || this.blind.checked;
    this.selection = null;
    barkStudio.rooms.show("compare");
    this.restart();
    this.askTally();
    await this.deck.prepare(this.all);
  }

  // Draws the order anew; blind, the first pair of a knock-out.
  restart() {
    this.deck.stop();
    this.result.replaceChildren();
    this.match = null;
    this.takes = this.all = (this.all || []).filter(({ id }) => this.store.get(id));
    if (this.blind.checked && this.takes.length > 1) {
      this.match = new Knockout(this.takes);
      this.takes = this.match.pair;
    }
    this.heard = new Set();
    this.show();
  }

  show() {
    const shown = this.takes.length > 0;
    this.root.dataset.state = shown ? "takes" : "empty";
    if (!shown) return;
    const current = this.deck.take && this.takes.includes(this.deck.take) ? this.deck.take : null;
    replaceButtons(this.buttons, this.takes.map((take, i) => this.choice(take, i, current)));
    this.where.textContent = this.match ? WORDS.pair(this.match.n, this.match.all) : "";
    const named = current && !this.match;
    this.said.textContent = named ? this.name(current) : WORDS.pressNumber(this.takes.length);
    this.showVote();
    this.drawWave();
  }

  name(take) {
    return WORDS.compared(take);
  }

  choice(take, i, current) {
    const button = make("button", "choice", { type: "button", "aria-pressed": String(take === current && this.deck.playing) });
    const key = make("kbd", "");
    key.textContent = String(i + 1);
    const text = make("span", "");
    text.textContent = this.match ? WORDS.letter(i) : WORDS.takeButton(take.number);
    button.append(key, text);
    if (this.heard.has(take.id)) button.classList.add("heard");
    button.addEventListener("click", () => this.hear(i));
    return button;
  }

  hear(i) {
    const take = this.takes[i];
    if (!take) return;
    this.heard.add(take.id);
    this.setLoop();
    this.deck.play(take);
  }

  setLevel() {
    this.deck.level = this.level.checked;
    if (this.deck.playing) this.deck.begin(this.deck.take, this.deck.position);
  }

  setLoop() {
    this.deck.loop = this.loop.checked ? this.selection || true : null;
    this.part.hidden = !this.selection;
    if (this.deck.playing) this.deck.begin(this.deck.take, this.deck.position);
  }

  // A vote counts only after both were heard.
  showVote() {
    const shown = this.match && !this.match.winner ? this.takes : [];
    const both = this.takes.every(({ id }) => this.heard.has(id));
    const buttons = shown.map((take, i) => {
      const button = barButton(WORDS.better(i), () => this.decide(take));
      button.classList.add("better");
      button.disabled = !both;
      return button;
    });
    // The next pair is heard first; after the last one it is told who won.
    replaceButtons(this.vote, buttons, () => this.result.querySelector("button") || this.buttons.firstChild);
    if (!shown.length || both) return;
    const hint = make("span", "hint");
    hint.textContent = WORDS.hearBoth;
    this.vote.append(hint);
  }

  async decide(winner) {
    const [first, second] = this.match.pair;
    const loser = winner === first ? second : first;
    this.deck.stop();
    this.match.vote(winner);
    this.heard = new Set();
    if (this.match.pair) this.takes = this.match.pair;
    else this.showResult();
    this.show();
    this.unsent.push({ winner: winner.id, loser: loser.id, first: first.id });
    await this.send();
  }

  // Tells the server of the verdicts that it does not have, in their order, until they have
  // reached it: nobody can judge blind twice.
  async send({ again = false } = {}) {
    clearTimeout(this.resend);
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.unsent.length) {
        const body = JSON.stringify(this.unsent[0]);
        const answer = await fetch(`${this.store.url}/votes`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
        this.unsent.shift();
        if (answer.ok) this.showTally(await answer.json());
        else say((await answer.json()).detail, "fault");
      }
    } catch {
      if (!again) say(WORDS.verdictWaits, "fault");
      this.resend = setTimeout(() => this.send({ again: true }), SENT_AGAIN_MS);
    } finally {
      this.sending = false;
    }
  }

  showResult() {
    const { winner } = this.match;
    const [won, had] = this.match.wins(winner);
    const line = make("p", "");
    line.textContent = WORDS.won(winner, won, had);
    const star = barButton(WORDS.starIt, () => this.store.star([winner.id], true));
    const reuse = barButton(WORDS.reuse, () => {
      barkStudio.store.select(winner.id);
      document.querySelector("#reuse")?.click();
    });
    const again = barButton(WORDS.again, () => this.restart());
    this.result.replaceChildren(line, star, reuse, again);
    this.match = null;
    this.takes = this.all;
  }

  async askTally() {
    await this.send();
    const answer = await fetch(`${this.store.url}/votes`).catch(() => null);
    if (answer?.ok) this.showTally(await answer.json());
  }

  showTally({ n, scores }) {
    this.tally.replaceChildren();
    if (!n) return;
    const title = make("h3", "");
    title.textContent = WORDS.tally(n);
    const list = make("ul", "");
    for (const { setting, sentence } of scores.slice(0, 8)) {
      const item = make("li", "");
      item.textContent = `${setting}: ${sentence}`;
      list.append(item);
    }
    const link = make("a", "", { href: `${this.store.url}/votes.csv`, download: "" });
    link.textContent = WORDS.csv;
    this.tally.append(title, list, link);
  }

  drawWave() {
    const take = this.deck.take && this.takes.includes(this.deck.take) ? this.deck.take : null;
    const key = `${take?.id} ${this.pictures.clientWidth} ${document.body.className}`;
    if (key === this.drawn || !this.pictures.clientWidth) return;
    this.drawn = key;
    const buffer = take && this.deck.ready.get(take.id)?.buffer;
    const samples = buffer ? buffer.getChannelData(0) : new Float32Array(1);
    drawWaveform(this.wave, samples, samples.length, samples.length, pageColours(this.root));
  }

  moveHead(position) {
    this.head.style.left = `${(100 * position) / Math.max(0.01, this.deck.take.seconds)}%`;
  }

  // A press goes there; a drag selects what the loop repeats.
  drag(event) {
    const take = this.deck.take || this.takes[0];
    if (!take) return;
    const place = (at) => {
      const box = this.pictures.getBoundingClientRect();
      return Math.min(1, Math.max(0, (at.clientX - box.left) / box.width)) * take.seconds;
    };
    const start = place(event);
    this.pictures.setPointerCapture(event.pointerId);
    this.pictures.onpointerup = (end) => {
      this.pictures.onpointerup = null;
      const [from, to] = [start, place(end)].sort((a, b) => a - b);
      this.selection = to - from > 0.1 ? [from, to] : null;
      Object.assign(this.part.style, { left: `${(100 * from) / take.seconds}%`, width: `${(100 * (to - from)) / take.seconds}%` });
      if (this.selection) this.loop.checked = true;
      this.setLoop();
      this.heard.add(take.id);
      this.deck.play(take, { at: from });
    };
  }

  keys(event) {
    if (/^[1-8]$/.test(event.key) && this.takes[event.key - 1]) return () => this.hear(event.key - 1);
    if (event.key === " " && this.takes.length) {
      return () => (this.deck.playing ? this.deck.stop() : this.hear(Math.max(0, this.takes.indexOf(this.deck.take))));
    }
    if (event.key.toLowerCase() === "l") return () => this.loop.click();
    const heard = this.takes.includes(this.deck.take) && this.store.get(this.deck.take.id);
    if (event.key.toLowerCase() === "s" && heard) return () => this.store.star([heard.id], !heard.star);
    return null;
  }
}

// As bark.compare.blind.Knockout: the winners of a round meet in the next, in a drawn order.
class Knockout {
  constructor(takes) {
    this.round = shuffled(takes);
    this.next = [];
    this.votes = [];
    this.all = takes.length - 1;
    this.pick();
  }

  get n() {
    return this.votes.length + 1;
  }

  get winner() {
    return this.pair ? null : this.round[0];
  }

  vote(winner) {
    this.votes.push([winner, this.pair[0] === winner ? this.pair[1] : this.pair[0]]);
    this.next.push(winner);
    this.pick();
  }

  wins(take) {
    const won = this.votes.filter(([winner]) => winner === take).length;
    return [won, won + this.votes.filter(([, loser]) => loser === take).length];
  }

  pick() {
    if (this.round.length === 1) this.next.push(this.round.pop());
    if (!this.round.length) [this.round, this.next] = [this.next, []];
    this.pair = this.round.length === 1 ? null : shuffled([this.round.pop(), this.round.pop()]);
  }
}

function shuffled(items) {
  const drawn = [...items];
  for (let i = drawn.length - 1; i > 0; i--) {
    const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
    [drawn[i], drawn[j]] = [drawn[j], drawn[i]];
  }
  return drawn;
}
