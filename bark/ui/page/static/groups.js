// What stands under one heading in the list of takes, and what is still said of each row there.

const SAME_RUN_S = 1800;

// Rows and headings in order; neighbours of one run or one grid stand under a heading.
function groupTakes(takes, cells, { plain = false } = {}) {
  const items = [];
  let day = null;
  for (let i = 0; i < takes.length; ) {
    const name = dayName(takes[i].at);
    if (name !== day && !plain) {
      day = name;
      items.push({ key: `day ${name}`, head: name });
    }
    let end = i + 1;
    while (!plain && end < takes.length && sameRun(takes[i], takes[end], cells)) end++;
    const of = takes.slice(i, end);
    i = end;
    if (of.length > 1) items.push(runHead(of, cells));
    const differs = of.length > 1 ? tellApart(of, cells) : null;
    for (const take of of) items.push({ key: take.id, take, differs: differs && differs(take) });
  }
  return items;
}

// When, how many, which words, and what all of them have in common.
function runHead(of, cells) {
  const [take] = of;
  const grid = cells.get(take.id)?.grid;
  const same = ["voice", "temperatures"].filter((key) => of.every((other) => other[key] === take[key]));
  return {
    key: `run ${take.id}`,
    head: WORDS.runHead(take, of.length, grid),
    text: WORDS.quoted(grid ? grid.text : take.text),
    common: same.map((key) => take[key]).join(" · "),
    grid: grid?.id,
    of,
  };
}

// A function that says of a take of a run what the heading does not.
function tellApart(of, cells) {
  const [first] = of;
  const differing = Object.keys(WORDS.differs).filter((key) =>
    of.some(({ settings }) => settings[key] !== first.settings[key]),
  );
  return (take) => {
    const place = cells.get(take.id);
    if (place) return cellValues(place.grid, place.cell).join(" · ");
    return differing.map((key) => WORDS.differs[key](take.settings[key] ?? "–")).join(" · ");
  };
}

// What the axes of a grid say in one of its cells; the seed has a column of its own.
function cellValues({ shape, headings, axes }, cell) {
  const [across, down] = shape;
  const at = [cell % across, Math.floor(cell / across) % down, Math.floor(cell / (across * down))];
  return axes.map((axis, i) => (axis === "Seed" ? "" : headings[i][at[i]])).filter(Boolean);
}

function sameRun(one, other, cells) {
  const [here, there] = [cells.get(one.id)?.grid.id, cells.get(other.id)?.grid.id];
  if (here || there) return here === there;
  const same = one.text === other.text && one.model === other.model;
  return same && Math.abs(one.at - other.at) < SAME_RUN_S && dayName(one.at) === dayName(other.at);
}

function dayName(at) {
  const day = new Date(at * 1000);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(day).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return WORDS.today;
  if (days === 1) return WORDS.yesterday;
  return day.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
}
