// Makes the packages that would be published, as tarballs in .build/: the main package, and one package for each
// platform whose addon was built. The main package asks for exactly these. Each is staged file by file, so that it holds
// what is named here and nothing else. Run `npm run build` first.
import fs from 'node:fs';
import path from 'node:path';
import { addonFile, platforms } from './platform.mjs';
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

/** The platforms whose addon lies in the checkout. */
function builtPlatforms() {
  return platforms().filter((name) => fs.existsSync(path.join(root, addonFile(name))));
}

/** The version has one source, the main manifest: platform packages must match it to the digit. */
function mainManifest(built) {
  const { scripts: _scripts, devDependencies: _dev, ...shared } = readManifest('package.json');
  const optionalDependencies = Object.fromEntries(built.map((name) => [`actonce-${name}`, shared.version]));
  return { ...shared, files: MAIN_FILES, optionalDependencies };
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
  const manifest = mainManifest(built);
  const folders = [
    stage(into, manifest, Object.fromEntries(MAIN_FILES.map((name) => [name, name]))),
    ...built.map((name) =>
      stage(into, nativeManifest(name, manifest.version), {
        [addonFile(name)]: addonFile(name),
        'README.md': `npm/${name}/README.md`,
        LICENSE: 'LICENSE',
      }),
    ),
  ];
  for (const folder of folders) await tarball(into, folder);
  return folders.map((folder) => path.join(into, `${path.basename(folder)}-${manifest.version}.tgz`));
}

if (isMain(import.meta.url)) await main(() => pack());
