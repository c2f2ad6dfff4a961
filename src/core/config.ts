/** The words of configuration that components share: lengths of time, sizes, paths. */

import { z } from 'zod';
import { LONGEST_WAIT } from './clock.ts';

const TIME: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A length of time such as `10s`, `1m`, `250ms`, `1.5h`; milliseconds in the program. Default it with `.prefault('1s')`. */
export function duration() {
  const wrong = 'a length of time is a number and a unit (250ms, 10s, 5m, 1h, 1d)';
  return z
    .string(wrong)
    .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, wrong)
    .transform((text) => quantity(text, TIME));
}

/** As `duration`, for what a timer waits. */
export function wait() {
  return duration().refine((ms) => ms <= LONGEST_WAIT, 'at most 24d');
}

/** A size such as `16MiB`, `512KiB`, `100B`; bytes in the program. */
export function size() {
  const wrong = 'a size is a number and a unit (100B, 64KiB, 16MiB, 1GiB)';
  return z
    .string(wrong)
    .regex(/^\d+(\.\d+)?(B|KiB|MiB|GiB)$/, wrong)
    .transform((text) => Math.round(quantity(text, SIZE)));
}

/** A path, or a list of them. An empty one is refused: resolved, it would be the pipeline's own folder. */
export function paths() {
  return z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .transform((value) => (Array.isArray(value) ? value : [value]));
}

function quantity(text: string, units: Record<string, number>): number {
  const [, digits = '', unit = ''] = /^([\d.]+)(\w+)$/.exec(text) ?? [];
  return Number(digits) * (units[unit] ?? Number.NaN);
}
