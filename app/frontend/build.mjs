/**
 * Builds everything the pages load into app/static/build: scripts, styles, the icon sheet, sounds.
 *
 *   node app/frontend/build.mjs [--dev]
 *
 * Each AudioWorklet is a file of its own and nothing is inlined into pages, so that the pages can forbid every script but ours.
 */
import { build } from "esbuild";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { sounds } from "./sounds.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");
const finished = join(root, "app/static/build");
const out = `${finished}.new`; // a failed build leaves the last good one in place
const icons = join(root, "node_modules/@tabler/icons/icons");
const dev = process.argv.includes("--dev");

const common = {
  bundle: true,
  minify: !dev,
  sourcemap: dev ? "inline" : false,
  target: "es2022",
  outdir: out,
  logLevel: "warning",
  legalComments: "linked",
};

async function scripts() {
  await build({
    ...common,
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    entryPoints: [
      ...["base", "phone", "desktop", "flows", "floor"].map((page) => ({ in: join(here, page, "main.ts"), out: page })),
      ...["list", "replay"].map((page) => ({ in: join(here, "flows", `${page}.ts`), out: `flows-${page}` })),
      { in: join(here, "floor", "wall.ts"), out: "floor-wall" },
    ],
  });
  const alone = {
    theme: "base/theme.ts",
    capture: "softphone/audio/capture.worklet.ts",
    playout: "softphone/audio/playout.worklet.ts",
    "flow-layout": "flows/layout.worker.ts",
  };
  await build({
    ...common,
    format: "iife",
    entryPoints: Object.entries(alone).map(([name, path]) => ({ in: join(here, path), out: name })),
  });
}

async function styles() {
  await build({
    ...common,
    entryPoints: [{ in: join(here, "css/app.css"), out: "app" }],
    loader: { ".woff2": "file" },
    assetNames: "fonts/[name]-[hash]",
  });
}

async function filesUnder(folder, ending) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

const iconFile = (name) => (name.endsWith("-filled") ? `filled/${name.slice(0, -7)}.svg` : `outline/${name}.svg`);

/** Every `icon("name")` must exist. Names also stand in tables and conditions, so every other quoted word that is an icon's name comes along. */
async function iconNames() {
  const known = new Set((await filesUnder(icons, /\.svg$/)).map((file) => relative(icons, file)));
  const files = [...(await filesUnder(join(root, "app/templates"), /\.html$/)), ...(await filesUnder(here, /\.ts$/))];
  const names = new Set();
  for (const file of files) {
    const text = await readFile(file, "utf8");
    for (const [, name] of text.matchAll(/\bicon\(\s*["']([a-z0-9-]+)["']/g)) {
      if (!known.has(iconFile(name)))
        throw new Error(`${relative(root, file)}: no icon is called "${name}". Find its name on tabler.io/icons.`);
      names.add(name);
    }
    for (const [, name] of text.matchAll(/["']([a-z][a-z0-9-]{2,})["']/g))
      if (known.has(iconFile(name))) names.add(name);
  }
  return [...names].sort();
}

async function iconSheet() {
  const symbols = [];
  for (const name of await iconNames()) {
    const filled = name.endsWith("-filled");
    const svg = await readFile(join(icons, iconFile(name)), "utf8");
    const inner = svg
      .slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
      .replace(/\s*\n\s*/g, "");
    const paint = filled
      ? 'fill="currentColor"'
      : 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"';
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24" ${paint}>${inner}</symbol>`);
  }
  await writeFile(join(out, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
}

async function soundFiles() {
  await mkdir(join(out, "sounds"), { recursive: true });
  await Promise.all(Object.entries(sounds()).map(([name, wav]) => writeFile(join(out, "sounds", name), wav)));
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await Promise.all([scripts(), styles(), iconSheet(), soundFiles()]);
await rm(finished, { recursive: true, force: true });
await rename(out, finished);
