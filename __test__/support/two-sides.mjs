// What lib/ and src/ say by hand about the seam between them, as their sources have it, for a test to compare.
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/step.mjs';

function sources(folder, ending) {
  const entries = fs.readdirSync(path.join(root, folder), { recursive: true });
  const files = entries.filter((entry) => entry.endsWith(ending)).map((entry) => path.join(root, folder, entry));
  return files.map((file) => fs.readFileSync(file, 'utf8'));
}

export const typeScript = sources('lib', '.ts');
export const rust = sources('src', '.rs');

/** The one match of `pattern` in all of `texts`. Where it moves to is its own matter; that there are two is a fault. */
export function only(texts, pattern) {
  const found = texts.flatMap((text) => [...text.matchAll(new RegExp(pattern, 'gm'))]);
  if (found.length !== 1) throw new Error(`${found.length} places match ${pattern}`);
  return found[0];
}

const camel = (name) => name[0].toLowerCase() + name.slice(1).replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const capitals = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
const numbers = (pairs, spelled) => Object.fromEntries([...pairs].map(([, name, number]) => [spelled(name), +number]));
const same = (name) => name;

/** `{ NAME: 1 }` of a constant object in lib/. */
export function objectOf(name, spelled = same) {
  const [, body] = only(typeScript, `^(?:export )?const ${name} = \\{([^}]*)\\} as const;`);
  return numbers(body.matchAll(/(\w+): (\d+)/g), spelled);
}

/** `{ NAME: 1 }` of an enum in src/ that gives its variants numbers. */
export function enumOf(name) {
  const [, body] = only(rust, `^pub enum ${name} \\{([^}]*)\\}`);
  return numbers(body.matchAll(/^\s*(\w+) = (\d+),$/gm), capitals);
}

/** `{ name: 1 }` of the arms of a `match` in src/ that turns variants into numbers, or numbers into variants. */
export function armsOf(name) {
  const arms = {};
  for (const text of rust) {
    for (const [, variant, number] of text.matchAll(new RegExp(`\\b${name}::(\\w+) => (\\d+)\\b`, 'g')))
      arms[camel(variant)] = Number(number);
    // What is not named is the last.
    for (const [, number, variant] of text.matchAll(new RegExp(`(\\d+|\\b_) => (?:Some\\()?${name}::(\\w+)`, 'g')))
      arms[camel(variant)] = number === '_' ? Object.keys(arms).length : Number(number);
  }
  return arms;
}

/** The value of one constant that both sides spell alike, in the file that has the constant `beside`, too. */
export function constants(name, beside = name) {
  const evaluated = (text) =>
    text.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
  const having = (texts) => texts.filter((text) => new RegExp(`\\bconst ${beside}\\b`).test(text));
  const [, inTypeScript] = only(having(typeScript), `^(?:export )?const ${name} = ([\\d_ *]+);`);
  const [, inRust] = only(having(rust), `^(?:pub(?:\\([a-z]+\\))? )?const ${name}: \\w+ = ([\\d_ *]+);`);
  return { typeScript: evaluated(inTypeScript), rust: evaluated(inRust) };
}

/** The texts of a list of strings. */
export const strings = (list) => [...list.matchAll(/["']([^"']+)["']/g)].map(([, text]) => text);

const kindOf = (type) => (/\bstring\b/.test(type) ? 'text' : 'number');

/** By name and in their order, the functions of a client as lib/ declares them: the kind of each parameter. */
export function declaredFunctions() {
  const [, body] = only(typeScript, '^export interface NativeClient \\{\\n([\\s\\S]*?)^\\}');
  const plain = body.replaceAll(/\/\*\*[\s\S]*?\*\//g, '');
  const kinds = (parameters) => [...parameters.matchAll(/\w+: ([^,]+)/g)].map(([, type]) => kindOf(type));
  return [...plain.matchAll(/^ {2}(\w+)\(([^)]*?(?:<\w+>)?)\):/gm)].map(([, name, parameters]) => {
    const type = /^\.\.\.\w+: Parameters<(\w+)>/.exec(parameters)?.[1];
    // What a function takes may have a type of its own, beside what calls it.
    const spelled = type === undefined ? parameters : only(typeScript, `^export type ${type} = \\(([^)]*)\\)`)[1];
    return { name, parameters: kinds(spelled) };
  });
}

const READS = /\barguments\s*\.\s*(number|integer|text|text_behind)\((?:[^(),]+, )?(first(?: \+ \d+)?|\d+)\)/g;
const HELPED = /(?<![\w.])(\w+)\(&?arguments(?:, (\d+))?\)/g;

/** What takes the arguments of a call, by its name in Rust. */
function takers() {
  const taker = /^(?:pub(?:\(\w+\))? )?fn (\w+)\([^)]*: &Arguments\b[^)]*\)[^{]*\{\n([\s\S]*?)^\}/gm;
  return new Map(rust.flatMap((text) => [...text.matchAll(taker)].map(([, name, body]) => [name, body])));
}

/** The index and kind of each argument that a body reads, by itself or through another taker. */
function readsOf(body, all, first) {
  const own = [...body.matchAll(READS)].map(([, how, at]) => {
    const index = at.startsWith('first') ? first + Number(at.split('+')[1] ?? 0) : Number(at);
    return [index, how.startsWith('text') ? 'text' : 'number'];
  });
  const others = [...body.matchAll(HELPED)].filter(([, name]) => all.has(name));
  return [...own, ...others.flatMap(([, name, at]) => readsOf(all.get(name), all, Number(at)))];
}

/** By name and in their order, the functions of a client as src/ registers them: the kind of each argument it reads. */
export function registeredFunctions() {
  const all = takers();
  const file = rust.find((text) => /\bc"deriveKey"/.test(text));
  const snake = (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const registered = [...file.matchAll(/\bc"(\w+)"/g)].map(([, name]) => name).filter((name) => all.has(snake(name)));
  return registered.map((name) => {
    const parameters = [];
    for (const [index, kind] of readsOf(all.get(snake(name)), all)) parameters[index] = kind;
    return { name, parameters: Array.from(parameters) };
  });
}

/** The order in which an outcome lies in the buffer: as src/ writes it and as lib/ reads it. */
export function outcomeFields() {
  const [, written] = only(rust, '^fn write\\(delivery: &Delivery, \\w+: &mut \\[f64\\]\\) \\{([\\s\\S]*?)^\\}');
  const inRust = [...written.matchAll(/\bdelivery\.(\w+)/g)].map(([, name]) => name);
  const [read] = only(typeScript, '^ {2}#read\\(at: number[\\s\\S]*?^ {2}\\}');
  const inTypeScript = ['op'];
  for (const [, name, at] of read.matchAll(/(\w+): [^\n]*outcomes\[at \+ (\d+)\]/g)) inTypeScript[at] = name;
  return { rust: inRust, typeScript: inTypeScript };
}

/** The paths of an interface in lib/: `tls.ca`. */
export function interfacePaths(name) {
  const [, body] = only(typeScript, `^(?:export )?interface ${name} \\{\\n([\\s\\S]*?)^\\}`);
  const paths = [];
  const within = [];
  let last = '';
  for (const [token, field] of body.replaceAll(/\/\*\*[\s\S]*?\*\//g, '').matchAll(/(\w+)\??:|\{|\}/g)) {
    if (token === '{') within.push(last);
    else if (token === '}') within.pop();
    else {
      last = field;
      paths.push([...within, field].join('.'));
    }
  }
  return paths.sort();
}

/** The same of a struct in src/ that serde reads or writes in camelCase, and of the structs in its fields. */
export function structPaths(name) {
  const [, body] = only(rust, `^(?:pub(?:\\([a-z]+\\))? )?struct ${name} \\{([^}]*)\\}`);
  const fields = [...body.matchAll(/(?:rename = "(\w+)"\)\]\s+)?^\s*(?:pub(?:\([a-z]+\))? )?(\w+): (.+),$/gm)];
  return fields
    .flatMap(([, renamed, field, type]) => {
      const own = renamed ?? camel(field);
      const isStruct = (word) => rust.some((text) => new RegExp(`^(?:pub )?struct ${word} \\{`, 'm').test(text));
      const inner = [...type.matchAll(/\b([A-Z]\w+)\b/g)].map(([, word]) => word).find(isStruct);
      return [own, ...(inner === undefined ? [] : structPaths(inner).map((below) => `${own}.${below}`))];
    })
    .sort();
}
