// Runs the npm package tla-checker on one module and one cfg, and prints its answer, a line of JSON.
// Usage: node tla_checker.mjs FOLDER_OF_THE_PACKAGE MODULE.tla MODULE.cfg MOST_STATES MOST_DEPTH
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, module, cfg, mostStates, mostDepth] = process.argv.slice(2);
const checker = await import(pathToFileURL(join(folder, "tla_checker.js")).href);
checker.initSync({ module: readFileSync(join(folder, "tla_checker_bg.wasm")) });
const read = (name) => readFileSync(name, "utf-8");
const allowDeadlock = true;
const exportDot = false;
console.log(
  checker.check_spec_with_cfg(
    read(module), read(cfg), "{}", Number(mostStates), Number(mostDepth), allowDeadlock, exportDot,
  ),
);
