// The takes as the page knows them: changed here at once, and told to the server afterwards.

const ASK_EVERY_MS = 2500; // other tabs change the list too
const LOST_AGAIN_MS = 10_000;

class TakeStore {
  constructor() {
    this.takes = new Map();
    this.gone = new Set(); // ids of takes that were here; one that comes back comes with a version
    this.unsent = []; // changes that the server has not heard of yet, in their order
    this.making = new Map(); // run → its rows that are not takes yet
    this.cells = new Map(); // take → the grid it was made in, and which of its cells it is
    this.selected = null;
    this.undo = 0;
    this.version = null;
    this.url = null;
    this.watchers = [];
    setInterval(() => document.hidden || this.ask(), ASK_EVERY_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
  }

  watch(watcher) {
    this.watchers.push(watcher);
  }

  tell() {
    if (this.telling) return; // once a frame, however many takes change
    this.telling = requestAnimationFrame(() => {
      this.telling = null;
      for (const watcher of this.watchers) watcher();
    });
  }

  get(id) {
    return this.takes.get(id);
  }

  // Newest first.
  all() {
    return [...this.takes.values()].sort((a, b) => b.number - a.number);
  }

  receive(message) {
    if (!message) return;
    const handlers = {
      list: () => this.open(message),
      changes: () => this.apply(message),
      making: () => {
        this.making.set(message.run, message.rows.map((row, i) => ({ ...row, i })));
        this.begun?.();
      },
      made: () => this.making.delete(message.run),
    };
    handlers[message.kind]?.();
    this.tell();
  }

  async open({ url, selected, listeners }) {
    this.url = url;
    this.listeners = listeners || [];
    this.version = null;
    this.selected = selected ?? this.selected;
    await this.askGrids();
    await this.ask();
  }

  // Asks what has changed; the first time, for everything.
  async ask() {
    if (!this.url || this.asking) return;
    this.asking = true;
    try {
      await this.send();
      if (this.unsent.length) return;
      const since = this.version === null ? "" : `?since=${this.version}`;
      const answer = await fetch(this.url + since);
      if (answer.status === 404) return this.reopen();
      if (!answer.ok) return;
      const found = await answer.json();
      this.apply(found);
      if (since && found.takes.some(({ id }) => !this.cells.has(id))) await this.askGrids();
    } catch {
      // The server is gone for now; the next question may reach it.
    } finally {
      this.asking = false;
    }
  }

  // The server was started anew, and knows this page's visit no longer: it opens another one.
  reopen() {
    if (Date.now() - (this.lostAt || 0) < LOST_AGAIN_MS) return;
    this.lostAt = Date.now();
    this.lost?.();
  }

  async askGrids() {
    try {
      const answer = await fetch(`${this.url}/grids`);
      const { grids = [] } = await answer.json();
      for (const grid of grids.reverse()) this.keepGrid(grid);
      this.tell();
    } catch {
      // Without them the list is grouped by run.
    }
  }

  keepGrid(grid) {
    for (const [cell, id] of Object.entries(grid.takes)) this.cells.set(id, { grid, cell: Number(cell) });
  }

  // Answers may come late and out of turn: what is older than what is known here changes nothing,
  // and a new take that comes without a version is news only where it is not known yet.
  apply({ takes, removed, version, whole, undo, run, row }) {
    if (version === undefined) {
      for (const take of takes) {
        if (!this.takes.has(take.id) && !this.gone.has(take.id)) this.takes.set(take.id, take);
      }
    } else if (whole || this.version === null || version >= this.version) {
      this.leave(removed); // another tab deleted them
      if (whole) this.takes.clear();
      for (const take of takes) this.takes.set(take.id, take);
      for (const id of removed) {
        this.takes.delete(id);
        this.gone.add(id);
      }
      this.version = version;
      this.undo = undo;
    }
    const rows = this.making.get(run);
    if (rows) this.making.set(run, rows.filter(({ i }) => i !== row));
    if (takes.length || removed.length || whole) this.tell();
  }

  select(id) {
    this.selected = id;
    this.tell();
  }

  star(ids, star) {
    return this.act({ do: "star", ids, star }, () => this.change(ids, { star }));
  }

  note(id, note) {
    return this.act({ do: "note", ids: [id], note }, () => this.change([id], { note }));
  }

  // Takes go at once.
  delete(ids, shown = this.all()) {
    this.leave(ids, shown);
    return this.act({ do: "delete", ids }, () => {
      for (const id of ids) this.takes.delete(id);
      this.undo += 1;
    });
  }

  // What is shown next stands where the first of those stood that go.
  leave(ids, shown = this.all()) {
    if (!ids.includes(this.selected)) return;
    const place = shown.findIndex(({ id }) => ids.includes(id));
    const rest = shown.filter(({ id }) => !ids.includes(id));
    this.selected = rest[Math.min(Math.max(place, 0), rest.length - 1)]?.id ?? null;
  }

  // The takes that came back; null where the server could not be asked yet.
  async restore() {
    const before = new Set(this.takes.keys());
    await this.act({ do: "restore", ids: [] }, () => {});
    return this.unsent.length ? null : this.all().filter(({ id }) => !before.has(id));
  }

  change(ids, values) {
    for (const id of ids) {
      const take = this.takes.get(id);
      if (take) this.takes.set(id, { ...take, ...values });
    }
  }

  async act(asked, doHere) {
    doHere();
    this.tell();
    this.unsent.push(asked);
    await this.send();
    if (this.unsent.includes(asked)) return say(WORDS.sentLater, "fault");
    if (this.version === null) await this.ask();
  }

  // Sends the changes one after another; what does not reach the server goes before the next question.
  send() {
    this.sending ||= this.sendAll().finally(() => (this.sending = null));
    return this.sending;
  }

  async sendAll() {
    while (this.unsent.length) {
      const [asked] = this.unsent;
      try {
        const answer = await fetch(`${this.url}/act`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ ...asked, version: this.version }),
          keepalive: asked.do === "note", // one may be kept as the page is left
        });
        if (answer.status === 404) return this.reopen(); // it is sent to the visit that is opened
        this.unsent.shift();
        if (!answer.ok) throw new Error(answer.status);
        this.apply(await answer.json());
      } catch {
        if (this.unsent[0] === asked) return; // it was not heard
        say(WORDS.notKept, "fault");
        this.version = null; // what the server has is what holds
      }
    }
  }

  // Has takes looked at, a few at a time so that the first flags show soon.
  async check(ids, listener = "") {
    if (this.checking) return;
    this.checking = true;
    const batch = listener ? 4 : 20;
    try {
      for (let done = 0; done < ids.length; done += batch) {
        if (done) say(WORDS.checking(done, ids.length));
        const answer = await fetch(`${this.url}/check`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ ids: ids.slice(done, done + batch), listener, version: this.version }),
        });
        if (!answer.ok) throw new Error((await answer.json()).detail);
        this.apply(await answer.json());
      }
      const bad = ids.filter((id) => this.get(id)?.flags?.length).length;
      say(ids.length ? WORDS.checkedAll(ids.length, bad) : WORDS.nothingToCheck);
    } catch (error) {
      say(reasonOf(error), "fault");
    } finally {
      this.checking = false;
    }
  }

  // Sends the browser to a ZIP of takes; a form, since the list may be long.
  download(ids) {
    const form = make("form", "", { method: "post", action: `${this.url}/zip` });
    const field = make("input", "", { type: "hidden", name: "ids", value: ids.join(" ") });
    form.append(field);
    document.body.append(form);
    form.submit();
    form.remove();
  }
}

// What is said of a question that came to nothing: a browser's own words for a lost network say little.
function reasonOf(error) {
  return error instanceof TypeError ? WORDS.unreachable : error.message;
}
