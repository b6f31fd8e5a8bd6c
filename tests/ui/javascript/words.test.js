// Words and sentences of a text, whose places Python counts in characters.
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { load } = require("./page.js");

class Part {
  constructor() {
    this.parts = [];
  }

  addEventListener() {}

  append(...parts) {
    this.parts.push(...parts);
  }

  replaceChildren(...parts) {
    this.parts = parts;
  }
}

const make = () => new Part();
const said = (part) => part.parts.map((one) => (typeof one === "string" ? one : [one.textContent]));

test("a word behind an emoji is the word that was said", () => {
  const { WordLine } = load(["wordline.js"], ["WordLine"], { make });
  const root = new Part();
  new WordLine(root, () => {}).show("Hello  😀 world.", [[0, 5, 0.1, 0.4], [8, 13, 0.5, 0.9]]);
  assert.deepEqual(said(root), ["", ["Hello"], " 😀 ", ["world"], "."]);
});

test("a sentence behind an emoji begins and ends where it does", () => {
  const { wordsOf } = load(["longrow.js"], ["wordsOf"], { make });
  const words = wordsOf({ text: "Hi 😀. Go on.", sentences: [[0, 5], [6, 12]] });
  assert.deepEqual(said(words), ["", ["Hi 😀."], " ", ["Go on."], ""]);
});
