// What stands in Python and in the page must say the same; Python wrote the cases.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { test } = require("node:test");
const { webcrypto } = require("node:crypto");
const { load } = require("./page.js");

const cases = JSON.parse(fs.readFileSync(process.env.BARK_TEST_CASES, "utf8"));
const { matchingTime, Knockout } = load(
  ["wordline.js", "compare.js"],
  ["matchingTime", "Knockout"],
  { crypto: webcrypto },
);

test("the same thing is said at the same place", () => {
  for (const { seconds, one, other, lengths, expected } of cases) {
    const words = [one, other].map((spans) => spans.map(([start, end]) => [0, 0, start, end]));
    const found = matchingTime(seconds, words[0], words[1], lengths);
    assert.ok(Math.abs(found - expected) < 1e-6, `${found} and ${expected} at ${seconds}`);
  }
});

test("a knock-out asks one question less than there are takes, and its winner never loses", () => {
  for (let n = 2; n <= 17; n++) {
    const takes = Array.from({ length: n }, (_, i) => i);
    const game = new Knockout(takes);
    while (game.pair) game.vote(Math.max(...game.pair)); // the larger one is the better one
    assert.equal(game.votes.length, n - 1);
    assert.equal(game.winner, n - 1);
    const [won, all] = game.wins(n - 1);
    assert.equal(won, all);
    const losers = game.votes.map(([, loser]) => loser);
    assert.equal(new Set(losers).size, n - 1); // each of the others is out after one defeat
  }
});
