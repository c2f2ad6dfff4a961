/** bench/results/kernel.json: the last figures of each measurement here, with what they were measured on. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine } from './launched.ts';

const folder = join(import.meta.dirname, '../../results');
const path = join(folder, 'kernel.json');

/** Replaces the figures of one measurement. */
export function keepResults(name: string, figures: object): void {
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  mkdirSync(folder, { recursive: true });
  const all = { ...before, [name]: { date: new Date().toISOString().slice(0, 10), machine: machine(), ...figures } };
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`);
}
