// The rooms of lib/ and who may import whom: `npm run check` fails on an import that leads up, on a circle of values,
// and on a circle of types from room to room. Within a room, types may refer to each other.
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { isMain, main, root } from './step.mjs';

/** From the ground up: a room may import those of the floors below. ARCHITECTURE.md says what each owns. */
const FLOORS = [
  ['ground', 'wire'],
  ['outcome'],
  ['native'],
  ['call'],
  ['client'],
  ['machine', 'http'],
  ['next', 'react', 'testing', 'cli'],
  ['exports'],
];
/** The files beside the folders that lie beneath them; the others are what the package exports. */
const GROUND = ['announce.ts', 'errors.ts', 'rules.ts', 'suggestion.ts'];
/** Rooms that may import less than the floors below. */
const NARROWER = { wire: [], react: ['wire'], cli: [] };
/** Imports that lead up all the same: every call has `ctx.transition`. */
const EXCEPTIONS = ['call/context.ts > machine/steps.ts'];
/** Files that only native/ may import, apart from the stage of actonce/testing, which plays the addon. */
const PRIVATE = ['native/addon.ts', 'native/open-operations.ts'];
const KNOWS_ADDON = /^(?:native\/|testing\/stage\.ts$)/;

function roomOf(file) {
  if (file.includes('/')) return file.slice(0, file.indexOf('/'));
  return GROUND.includes(file) ? 'ground' : 'exports';
}

function mayImport(room) {
  const floor = FLOORS.findIndex((rooms) => rooms.includes(room));
  return NARROWER[room] ?? FLOORS.slice(0, floor).flat();
}

/**
 * Imports at run time, as [file, imported]: those that esbuild leaves. It drops the imports of types, however they are
 * written.
 */
async function valueImports(lib, files) {
  const { metafile } = await build({
    absWorkingDir: lib,
    entryPoints: files,
    outdir: lib,
    write: false,
    bundle: true,
    metafile: true,
    platform: 'node',
    packages: 'external',
    external: ['*.node'],
    logLevel: 'error',
  });
  const imports = Object.entries(metafile.inputs).flatMap(([file, of]) => of.imports.map(({ path: to }) => [file, to]));
  return imports.filter(([, imported]) => files.includes(imported));
}

/** A statement begins its line, as biome writes it, and no comment does so. The last is a type's, or dynamic. */
const IMPORT = /^(?:import|export)\s[\w\s{},*$]*?\bfrom '(\.[^']+)'|^import '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm;

/** All imports, those of types as well. */
function writtenImports(lib, files) {
  return files.flatMap((file) =>
    [...fs.readFileSync(path.join(lib, file), 'utf8').matchAll(IMPORT)].flatMap(([, from, bare, inline]) => {
      const name = path.posix.join(path.posix.dirname(file), from ?? bare ?? inline);
      return files.filter((to) => to === `${name}.ts` || to === `${name}/index.ts`).map((to) => [file, to]);
    }),
  );
}

function faultOf([file, imported]) {
  const room = roomOf(file);
  const names = `${file} imports ${imported}`;
  if (PRIVATE.includes(imported) && !KNOWS_ADDON.test(file)) return `${names}, which only native/ may know`;
  if (room === roomOf(imported) || EXCEPTIONS.includes(`${file} > ${imported}`)) return undefined;
  const allowed = mayImport(room);
  if (allowed.includes(roomOf(imported))) return undefined;
  return `${names}: ${room} may import ${allowed.join(', ') || 'nothing of lib/'}`;
}

/** The shortest way along imports, with both its ends; undefined when there is none. */
function way(from, to, imports) {
  const ways = [[from]];
  for (const passed of ways) {
    if (passed.at(-1) === to) return passed;
    for (const [file, next] of imports) {
      if (file === passed.at(-1) && !ways.some((other) => other.at(-1) === next)) ways.push([...passed, next]);
    }
  }
  return undefined;
}

/** Each circle once, among those that one of the `steps` is part of. */
function circles(what, imports, steps = imports) {
  const found = new Map();
  for (const [file, imported] of steps) {
    const back = way(imported, file, imports);
    if (back !== undefined) found.set(back.toSorted().join(), `a circle of ${what}: ${[file, ...back].join(' > ')}`);
  }
  return [...found.values()];
}

/** What is wrong with the imports of a folder, each fault with its files. */
export async function faultsIn(lib) {
  const files = fs.readdirSync(lib, { recursive: true }).filter((name) => name.endsWith('.ts'));
  const homeless = files.filter((file) => !FLOORS.flat().includes(roomOf(file)));
  const values = await valueImports(lib, files);
  const imports = [...values, ...writtenImports(lib, files)];
  const sound = imports.filter((one) => faultOf(one) === undefined);
  const between = sound.filter(([file, imported]) => roomOf(file) !== roomOf(imported));
  return [
    ...homeless.map((file) => `${file} is in no room that scripts/circles.mjs knows`),
    ...new Set(imports.map(faultOf).filter((fault) => fault !== undefined)),
    ...circles('values', values),
    ...circles('types from room to room', sound, between),
  ];
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const faults = await faultsIn(path.join(root, 'lib'));
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });
}
