// Loads scripts of the page as a browser would, one after another in one scope, with stand-ins for
// what only a browser has, and hands out the names that a test asks for.
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const STATIC = path.join(__dirname, "../../../bark/ui/page/static");

function load(files, names, stand_ins = {}) {
  const scope = vm.createContext({ console, setInterval, clearInterval, setTimeout, atob, ...stand_ins });
  const source = files.map((file) => fs.readFileSync(path.join(STATIC, file), "utf8")).join("\n");
  return vm.runInContext(`${source}\n;({ ${names.join(", ")} })`, scope);
}

module.exports = { load };
