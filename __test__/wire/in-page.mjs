// The examples as Chromium's own objects; bundled and run inside a page by vectors.test.mjs.
import { fingerprintOf } from '../../lib/react/fingerprint.ts';
import { REFUSED, VECTORS } from './vectors.mjs';

function isRefused(payload) {
  try {
    fingerprintOf(payload);
    return false;
  } catch {
    return true;
  }
}

/** @returns how many examples were judged, and the names of those that came out wrong */
export function judge() {
  const wrong = VECTORS.filter(({ same, other = [] }) => {
    const [first, ...others] = same.map((payload) => fingerprintOf(payload));
    return others.some((equal) => equal !== first) || other.some((payload) => fingerprintOf(payload) === first);
  }).map(({ what }) => what);
  const taken = Object.keys(REFUSED).filter((what) => !isRefused(REFUSED[what]));
  return { judged: VECTORS.length + Object.keys(REFUSED).length, wrong: [...wrong, ...taken] };
}
