/** Says why no addon was loaded and which command helps, from the errors that loading it threw. */

/** What loading the addon from one place threw. */
interface LoadError {
  readonly code?: string;
  readonly message: string;
}

const SUPPORTED = 'Linux (x64, arm64; glibc or musl) and macOS (x64, arm64)';
const MISSING = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'];

/** @param errors one for each place that was tried; empty on a platform that has no addon */
export function whyNotLoaded(errors: readonly unknown[]): string {
  const platform = `${process.platform}-${process.arch}`;
  if (errors.length === 0) return `${platform} is not supported; supported are ${SUPPORTED}`;
  const all = errors as readonly LoadError[];
  if (all.some(({ code }) => code === 'ERR_DLOPEN_DISABLED')) return whyForbidden();
  const unread = all.find(({ code }) => code === 'ERR_ACCESS_DENIED') as { resource?: string } | undefined;
  if (unread !== undefined) {
    const place = unread.resource ?? '*';
    return `Node's --permission does not let Node read the addon: start Node with --allow-fs-read=${place}`;
  }
  const found = all.find(({ code }) => !MISSING.includes(code ?? ''));
  const name = packageName();
  if (found === undefined) {
    return `${name} is not installed: run npm install --include=optional, on the system where it is to run`;
  }
  return whyRefused(found.message, name);
}

function whyForbidden(): string {
  const { permission } = process as { permission?: object };
  return permission === undefined
    ? 'Node may not load native addons: start Node without --no-addons'
    : "Node's --permission does not allow native addons: start Node with --allow-addons";
}

/** @param message what the system's loader said about a file that is there */
function whyRefused(message: string, name: string): string {
  const wanted = [...message.matchAll(/GLIBC_(\d[\d.]*)/g)].map(([, version]) => version as string);
  if (wanted.length > 0) {
    const most = wanted.sort((one, other) => one.localeCompare(other, undefined, { numeric: true })).at(-1);
    const here = glibcVersion() ?? '';
    return `glibc ${here} of this system is too old: the addon needs ${most}. Use a newer system or base image`;
  }
  const install = `run npm install --include=optional ${name} on the system where it is to run`;
  if (/libc\.musl|ld-musl/.test(message))
    return `the addon that is installed is for musl, and this system has glibc: ${install}`;
  if (/ld-linux|libc\.so\.6/.test(message)) {
    return `the addon that is installed is for glibc, and this system has musl: ${install.replace(/-gnu\b/, '-musl')}`;
  }
  return `the addon that is installed does not load (${message}): run npm ci on the system where it is to run`;
}

function packageName(): string {
  const libc = process.platform !== 'linux' ? '' : glibcVersion() === undefined ? '-musl' : '-gnu';
  return `actonce-${process.platform}-${process.arch}${libc}`;
}

/** Undefined on a system with another C library. */
function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime;
}
