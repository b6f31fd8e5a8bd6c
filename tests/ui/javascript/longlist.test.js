// The page's earlier long texts, while a run begins to tell of one.
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { load } = require("./page.js");

const WORDS = { earlierTexts: () => "", stopFirst: "Stop first." };
const element = () => ({ append() {}, replaceChildren() {}, addEventListener() {} });

// Opens a text, which a run begins to tell of before the answer is there.
async function opened(options) {
  const told = [];
  const room = { store: { url: "takes/key" }, show: (long) => told.push(long), giveWay() {} };
  const fetch = async () => {
    Object.assign(room, { busy: true, long: { id: "a" } });
    return { ok: true, json: async () => ({ id: "a", busy: false }) };
  };
  const stand_ins = { WORDS, make: element, fetch, say: (words) => told.push(words) };
  const { LongList } = load(["longlist.js"], ["LongList"], stand_ins);
  await new LongList(room).open("a", options);
  return told;
}

test("a text that is opened unasked does not come over one that is being made", async () => {
  assert.deepEqual(await opened({ unasked: true }), []);
});

test("a text that is asked for as another begins to be made is not shown at rest", async () => {
  assert.deepEqual(await opened(), ["Stop first."]);
});
