// Makes the packages that would be published, as tarballs in .build/: the main package, and one package for each
// platform whose addon was built. The main package asks for exactly these. Each is staged file by file, so that it holds
// what is named here and nothing else. Run `npm run build` first.
import fs from 'node:fs';
import path from 'node:path';
import { addonFile, platforms } from './platform.mjs';
import { isMain, main, root, run } from './step.mjs';
import { bundled, linked, notices, sbom } from './third-party.mjs';

const MAIN_FILES = [
  'dist',
  'server',
  'index.d.ts',
  'machine.d.ts',
  'next.d.ts',
  'react.d.ts',
  'testing.d.ts',
  'LICENSE',
  'CHANGELOG.md',
  'docs',
];
/** Every package has them; they are made while packing. */
const MADE_FILES = ['README.md', 'THIRD_PARTY_LICENSES', 'sbom.cdx.json'];
const README_LINK = /\]\(([^):#]+)(?:#[^)]*)?\)|<img [^>]*src="([^":]+)"/g;

function readManifest(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
}

/**
 * A fresh folder with the manifest, the files and what the package contains of others.
 *
 * @param files where each file of the package comes from, by its name there
 * @param made texts, by the name of their file
 */
function stage(into, manifest, files, made, components) {
  const folder = path.join(into, manifest.name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, from] of Object.entries(files)) {
    const source = path.join(root, from);
    if (!fs.existsSync(source)) throw new Error(`${manifest.name} needs ${from}, which is not there (npm run build?)`);
    fs.cpSync(source, path.join(folder, name), { recursive: true });
  }
  const texts = {
    ...made,
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    THIRD_PARTY_LICENSES: notices(components),
    'sbom.cdx.json': `${JSON.stringify(sbom(manifest, components), null, 2)}\n`,
  };
  for (const [name, text] of Object.entries(texts)) fs.writeFileSync(path.join(folder, name), text);
  return folder;
}

/** The README as the package has it: without the pictures for a dark page, which the package does not hold. */
function readme() {
  return fs.readFileSync(path.join(root, 'README.md'), 'utf8').replace(/<source [^>]*>/g, '');
}

/** The files that the README points to or shows. */
function linkedFiles(text) {
  return [...text.matchAll(README_LINK)].map(([, link, picture]) => link ?? picture);
}

async function tarball(into, folder) {
  // --ignore-scripts: packing is copying, here and for whoever installs it.
  await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', into], { cwd: folder });
}

/** The platforms whose addon lies in the checkout. */
function builtPlatforms() {
  return platforms().filter((name) => fs.existsSync(path.join(root, addonFile(name))));
}

/**
 * The checkout's manifest is private, so that nobody publishes the checkout. The version has one source, this manifest:
 * platform packages must match it to the digit.
 */
function mainManifest(built) {
  const { private: _private, scripts: _scripts, devDependencies: _dev, ...shared } = readManifest('package.json');
  const optionalDependencies = Object.fromEntries(built.map((name) => [`actonce-${name}`, shared.version]));
  return { ...shared, type: 'commonjs', optionalDependencies };
}

function nativeManifest(name, version) {
  const { name: packageName, ...rest } = readManifest(`npm/${name}/package.json`);
  return { name: packageName, version, ...rest };
}

/**
 * Writes `actonce-<version>.tgz` and an `actonce-<platform>-<version>.tgz` for each addon into the folder `into`.
 *
 * @returns the paths of the tarballs, the main package first
 */
export async function pack(into = path.join(root, '.build')) {
  const built = builtPlatforms();
  if (built.length === 0) throw new Error('there is no addon to pack: run npm run build');
  const text = readme();
  const own = [...MAIN_FILES, ...linkedFiles(text).filter((file) => !file.startsWith('docs/'))];
  const manifest = { ...mainManifest(built), files: [...own, ...MADE_FILES] };
  const files = Object.fromEntries(own.map((name) => [name, name]));
  const folders = [
    stage(into, manifest, files, { 'README.md': text }, await bundled()),
    ...built.map((name) => {
      const { files: addon, ...rest } = nativeManifest(name, manifest.version);
      const platformManifest = { ...rest, files: [...addon, ...MADE_FILES] };
      const sources = { [addonFile(name)]: addonFile(name), 'README.md': `npm/${name}/README.md`, LICENSE: 'LICENSE' };
      return stage(into, platformManifest, sources, {}, linked(name));
    }),
  ];
  for (const folder of folders) await tarball(into, folder);
  return folders.map((folder) => path.join(into, `${path.basename(folder)}-${manifest.version}.tgz`));
}

if (isMain(import.meta.url)) await main(() => pack());
