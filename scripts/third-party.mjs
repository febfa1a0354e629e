// Names the code of others that a package contains, and under which licence: the npm packages that are bundled into the
// main package, and the crates that are linked into an addon. From it come THIRD_PARTY_LICENSES and an SBOM (CycloneDX).
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { bundledPackages } from './build-ts.mjs';
import { rustTarget } from './platform.mjs';
import { root } from './step.mjs';

/** @typedef {{ name: string, version: string, licence: string, purl: string, texts: string[] }} Component */

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$/i;
const MIT = /Permission is hereby granted, free of charge/;

/** The licence files of a package's folder. Where MIT is one of several to choose from, it is the one that applies. */
function licenceTexts(folder, licence) {
  const texts = fs
    .readdirSync(folder)
    .filter((name) => LICENCE_FILE.test(name) && fs.statSync(path.join(folder, name)).isFile())
    .sort()
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8').trim());
  const mit = texts.filter((text) => MIT.test(text));
  return /\bMIT\b/.test(licence) && !licence.includes(' AND ') && mit.length > 0 ? mit : texts;
}

/** For a package that names the MIT licence and has no file of it. */
function plainMit(authors) {
  const own = fs.readFileSync(path.join(root, 'LICENSE'), 'utf8').trim();
  return own.replace(/^Copyright .*$/m, `Copyright (c) ${authors.join(', ') || 'the authors'}`);
}

/** @returns {Promise<Component[]>} the npm packages whose code is in the main package */
export async function bundled() {
  return (await bundledPackages()).map((name) => {
    const folder = path.join(root, 'node_modules', name);
    const { version, license } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    return { name, version, licence: license, purl, texts: licenceTexts(folder, license) };
  });
}

/**
 * @param platform as the folders of npm/ name it
 * @returns {Component[]} the crates that are linked into its addon, without those that only build or test it
 */
export function linked(platform) {
  const args = ['metadata', '--locked', '--format-version=1', '--filter-platform', rustTarget(platform)];
  const quiet = { encoding: 'utf8', maxBuffer: 64 * 2 ** 20, stdio: ['ignore', 'pipe', 'ignore'] };
  const { resolve, packages } = JSON.parse(execFileSync('cargo', args, { cwd: root, ...quiet }));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const named = new Map(packages.map((entry) => [entry.id, entry]));
  const seen = new Set([resolve.root]);
  const walk = (id) => {
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      const isLinked = dep_kinds.some(({ kind }) => kind === null);
      const isMacro = named.get(pkg).targets.some(({ kind }) => kind.includes('proc-macro'));
      if (!isLinked || isMacro || seen.has(pkg)) continue;
      seen.add(pkg);
      walk(pkg);
    }
  };
  walk(resolve.root);
  seen.delete(resolve.root);
  const components = [...seen].map((id) => {
    const { name, version, license, authors, manifest_path } = named.get(id);
    const licence = license.replaceAll('/', ' OR ');
    const texts = licenceTexts(path.dirname(manifest_path), licence);
    if (texts.length === 0 && /\bMIT\b/.test(licence)) texts.push(plainMit(authors));
    return { name, version, licence, purl: `pkg:cargo/${name}@${version}`, texts };
  });
  return components.sort((one, other) => one.purl.localeCompare(other.purl));
}

/** One text for all: what several components have in common stands there once. */
export function notices(components) {
  const users = new Map();
  for (const { name, version, licence, texts } of components) {
    for (const text of texts) users.set(text, [...(users.get(text) ?? []), `${name} ${version} (${licence})`]);
  }
  const parts = [...users].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  return `This package contains the code of others, under these licences.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** A bill of materials in CycloneDX 1.6. */
export function sbom({ name, version }, components) {
  const component = (entry) => ({
    type: 'library',
    'bom-ref': entry.purl,
    name: entry.name,
    version: entry.version,
    purl: entry.purl,
    licenses: [{ expression: entry.licence }],
  });
  const self = { name, version, licence: 'MIT', purl: `pkg:npm/${name}@${version}` };
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: component(self) },
    components: components.map(component),
    dependencies: [{ ref: self.purl, dependsOn: components.map(({ purl }) => purl) }],
  };
}
