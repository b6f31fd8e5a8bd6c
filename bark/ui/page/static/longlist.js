// Earlier long texts: opened again, gone on with, or removed.

const SURE_FOR_MS = 4000;

class LongList {
  constructor(room) {
    this.room = room;
    this.fold = make("details", "earlier-texts");
    this.title = make("summary", "");
    this.list = make("ul", "");
    this.fold.append(this.title, this.list);
    this.show([]);
  }

  get url() {
    return `${this.room.store.url}/long`;
  }

  async ask() {
    const answer = await fetch(this.url);
    if (answer.ok) this.show((await answer.json()).texts);
    return this.texts;
  }

  show(texts) {
    this.texts = texts;
    const others = texts.filter(({ id }) => id !== this.room.long?.id);
    this.fold.hidden = !others.length;
    this.title.textContent = WORDS.earlierTexts(others.length);
    this.list.replaceChildren(...others.map((text) => this.row(text)));
  }

  row(text) {
    const row = make("li", "");
    const open = make("button", "open", { type: "button" });
    const title = make("span", "title");
    title.textContent = text.title;
    const facts = make("span", "facts");
    facts.textContent = WORDS.textFacts(text, dayName(text.at));
    open.append(title, facts);
    open.addEventListener("click", () => this.open(text.id));
    const remove = barButton(WORDS.delete, () => {
      if (remove.sure) return this.remove(text.id);
      remove.sure = true;
      remove.textContent = WORDS.reallyDelete;
      setTimeout(() => {
        remove.sure = false;
        remove.textContent = WORDS.delete;
      }, SURE_FOR_MS);
    });
    remove.setAttribute("aria-label", `${WORDS.delete}: ${text.title}`);
    row.append(open, remove);
    return row;
  }

  // A page that opens one unasked says nothing where that cannot be, and yields to what was typed
  // meanwhile, or came: a text that is being made is told of by its run, and not as at rest.
  async open(id, { unasked = false } = {}) {
    if (this.room.busy) return say(WORDS.stopFirst, "fault");
    const answer = await fetch(`${this.url}/${id}`);
    const said = await answer.json();
    if (unasked && (!answer.ok || this.room.touched || this.room.long)) return;
    if (!answer.ok) return say(said.detail, "fault");
    if (this.room.busy) return say(WORDS.stopFirst, "fault"); // meanwhile
    this.fold.open = false;
    this.room.giveWay();
    this.room.show(said);
    this.show(this.texts);
  }

  async remove(id) {
    const answer = await fetch(`${this.url}/${id}/remove`, { method: "POST" });
    const said = await answer.json();
    if (!answer.ok) return say(said.detail, "fault");
    this.show(said.texts);
  }
}
