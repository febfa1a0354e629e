// How figures are shown.
import { median } from '../samples.mjs';

export const whole = (value) => value.toFixed(0);
export const tenths = (value) => value.toFixed(1);
export const hundredths = (value) => value.toFixed(2);
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 0)} %`;
export const millions = (count) => count.toLocaleString('en');

/** Median, and the lowest and highest round. */
export function spread(values, show) {
  if (values.length === 0) return '–';
  const [middle, lowest, highest] = [median(values), Math.min(...values), Math.max(...values)].map(show);
  return lowest === highest ? middle : `${middle} (${lowest}–${highest})`;
}

export const ratio = (value) => (value === undefined ? '–' : hundredths(value));

/** Rows of the table of targets. @param ratios to what they are to be equal to */
export function flat(name, ratios) {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return [name, '±15 %', `${hundredths(least)}–${hundredths(most)} ×`, least >= 0.85 && most <= 1.15 ? 'yes' : 'no'];
}

export function atMost(name, value, limit, unit) {
  return [name, `≤ ${limit} ${unit}`, `${tenths(value)} ${unit}`, value <= limit ? 'yes' : 'no'];
}
