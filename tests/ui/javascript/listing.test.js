// The page's list of takes, while answers of the server come late and out of turn.
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { load } = require("./page.js");

const document = { hidden: true, addEventListener() {} };

// The server of a store: an answer that is null never comes, and the network says so.
function listed(answers = [], told = []) {
  const stand_ins = {
    document,
    setInterval() {},
    requestAnimationFrame() {},
    WORDS: { sentLater: "later", notKept: "not kept" },
    say: (words) => told.push(words),
    fetch: async (_, { body = "{}" } = {}) => {
      const answer = answers.shift();
      if (!answer) throw new TypeError("Failed to fetch");
      if (answer.asked) assert.equal(JSON.parse(body).do, answer.asked);
      const { refused, lost } = answer;
      return { ok: !refused && !lost, status: lost ? 404 : 200, json: async () => answer };
    },
  };
  const { TakeStore } = load(["store.js"], ["TakeStore"], stand_ins);
  const store = new TakeStore();
  store.url = "takes/key";
  return store;
}

const take = (id, star = false) => ({ id, star });
const answer = (version, takes, removed = []) => ({ takes, removed, version, whole: false, undo: 0 });
const all = (version, takes) => ({ ...answer(version, takes), whole: true });

test("an answer that was on its way when a star was set does not take it off", async () => {
  const store = listed([answer(4, [take("a", true)])]);
  store.apply(all(2, [take("a")]));
  await store.star(["a"], true);
  store.apply(answer(3, [take("a"), take("b")])); // asked before, answered after
  assert.equal(store.get("a").star, true);
  assert.equal(store.version, 4);
});

test("a take that the run tells of late keeps its star, and stays away once it is deleted", async () => {
  const store = listed([answer(3, [take("a", true)]), answer(4, [], ["b"])]);
  store.apply(all(2, [take("a"), take("b")]));
  await store.star(["a"], true);
  await store.delete(["b"]);
  store.receive({ kind: "changes", takes: [take("a"), take("b"), take("c")], removed: [] });
  assert.equal(store.get("a").star, true);
  assert.deepEqual([...store.takes.keys()], ["a", "c"]);
  store.apply(answer(5, [take("b")])); // the deletion was taken back
  assert.ok(store.get("b"));
});

test("a server that was started anew is believed, though its versions are lower", async () => {
  const store = listed([{ grids: [] }, all(0, [take("z")])]);
  store.apply(all(9, [take("a")]));
  await store.open({ url: "takes/other", selected: null });
  assert.deepEqual([...store.takes.keys()], ["z"]);
  assert.equal(store.version, 0);
});

test("what the network loses is sent in its order before the next question", async () => {
  const told = [];
  const all_of_it = [null, null, { ...answer(3, [take("a", true)]), asked: "star" }];
  const store = listed([...all_of_it, { ...answer(4, [], ["b"]), asked: "delete" }, answer(4, [])], told);
  store.apply(all(2, [take("a"), take("b")]));
  await store.star(["a"], true);
  await store.delete(["b"]);
  assert.deepEqual(told, ["later", "later"]);
  assert.equal(store.get("a").star, true); // shown as it was meant
  await store.ask();
  assert.deepEqual([...store.takes.keys()], ["a"]);
  assert.equal(store.unsent.length, 0);
});

test("what a server that was started anew does not know yet is sent to the visit that it opens", async () => {
  const starred = all(0, [take("a", true)]);
  const store = listed([{ lost: true }, { grids: [] }, { ...answer(1, []), asked: "star" }, starred]);
  store.apply(all(9, [take("a")]));
  let isReopened = false;
  store.lost = () => (isReopened = true);
  await store.star(["a"], true);
  assert.ok(isReopened);
  await store.open({ url: "takes/other", selected: null });
  assert.equal(store.unsent.length, 0);
  assert.equal(store.get("a").star, true);
});

test("what the server refuses is shown as the server has it, and not sent again", async () => {
  const told = [];
  const store = listed([{ refused: true }, all(5, [take("a")])], told);
  store.apply(all(2, [take("a")]));
  await store.star(["a"], true);
  assert.deepEqual(told, ["not kept"]);
  assert.equal(store.get("a").star, false);
  assert.equal(store.unsent.length, 0);
});

test("a take that another tab deletes gives way to the one that stood below it", () => {
  const store = listed();
  store.apply(all(2, [take("a"), take("b"), take("c")].map((one, number) => ({ ...one, number }))));
  store.select("b");
  store.apply(answer(3, [], ["b"]));
  assert.equal(store.selected, "a");
});
