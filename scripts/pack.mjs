// Makes the packages that would be published, as tarballs in .build/: the main package, and the package of this
// platform with the addon. Both are staged file by file, so that a package holds what is named here and nothing else.
// Run `npm run build` first.
import fs from 'node:fs';
import path from 'node:path';
import { addonFile, platform, platforms } from './platform.mjs';
import { isMain, main, root, run } from './step.mjs';

const MAIN_FILES = [
  'dist',
  'server',
  'index.d.ts',
  'machine.d.ts',
  'next.d.ts',
  'react.d.ts',
  'testing.d.ts',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
];

function readManifest(file) {
  return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8'));
}

/** A fresh folder with the manifest and the files: `files` maps the name in the package to where it comes from. */
function stage(into, manifest, files) {
  const folder = path.join(into, manifest.name);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [name, from] of Object.entries(files)) {
    const source = path.join(root, from);
    if (!fs.existsSync(source)) throw new Error(`${manifest.name} needs ${from}, which is not there (npm run build?)`);
    fs.cpSync(source, path.join(folder, name), { recursive: true });
  }
  return folder;
}

async function tarball(into, folder) {
  // --ignore-scripts: packing is copying, here and for whoever installs it.
  await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', into], { cwd: folder });
}

/** The version has one source, the main manifest: platform packages must match it to the digit. */
function manifests() {
  const { scripts: _scripts, devDependencies: _dev, ...shared } = readManifest('package.json');
  const { version } = shared;
  const optionalDependencies = Object.fromEntries(platforms().map((name) => [`actonce-${name}`, version]));
  const { name, ...native } = readManifest(`npm/${platform()}/package.json`);
  return {
    main: { ...shared, files: MAIN_FILES, optionalDependencies },
    native: { name, version, ...native },
  };
}

/** The tarballs `actonce-<version>.tgz` and `actonce-<platform>-<version>.tgz` in the folder `into`. */
export async function pack(into = path.join(root, '.build')) {
  const { main: mainManifest, native } = manifests();
  const mainFolder = stage(into, mainManifest, Object.fromEntries(MAIN_FILES.map((name) => [name, name])));
  const nativeFolder = stage(into, native, {
    [addonFile()]: addonFile(),
    'README.md': `npm/${platform()}/README.md`,
    LICENSE: 'LICENSE',
  });
  await tarball(into, mainFolder);
  await tarball(into, nativeFolder);
}

if (isMain(import.meta.url)) await main(() => pack());
