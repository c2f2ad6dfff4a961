/** Alerts for which there is no exception: all of them are told, those of which the same is wrong together. */

import { counted } from '../core/counted.ts';
import { type Diagnostic, exitCode, UserError } from '../core/errors.ts';
import type { GivenAlerts } from './except-alerts.ts';
import { linesText } from './except-yaml.ts';

/** Of more reasons than this only their number is told. */
const MOST = 5;

interface Why {
  readonly message: string;
  readonly hint?: string | undefined;
}

interface Group {
  readonly lines: number[];
  /** The text of the first one's line that it is about. */
  readonly near: string;
  readonly why: () => Why;
}

export class Refused {
  readonly #path: string;
  readonly #text: string;
  readonly #groups = new Map<string, Group>();

  constructor(path: string, { text }: GivenAlerts) {
    this.#path = path;
    this.#text = text;
  }

  /** `key`: the same for alerts of which the same is wrong; of these only the first is asked why. */
  add(line: number, key: string, near: string, why: () => Why): void {
    const group = this.#groups.get(key);
    if (group) group.lines.push(line);
    else this.#groups.set(key, { lines: [line], near, why });
  }

  /** @throws UserError (exit 78) when there are any */
  throwAny(): void {
    const groups = [...this.#groups.values()];
    if (groups.length === 0) return;
    const count = groups.reduce((sum, { lines }) => sum + lines.length, 0);
    const shown = groups.length > MOST ? `; ${MOST} of ${groups.length} reasons are shown` : '';
    const message = `There is no exception for ${counted(count, 'alert')} of ${this.#path}, and none was written${shown}`;
    const rows = this.#text.split('\n');
    const diagnostics = groups.slice(0, MOST).map((group) => this.#diagnostic(group, rows));
    const texts = [{ name: this.#path, text: this.#text }];
    throw new UserError(message, { exit: exitCode.config, diagnostics, texts });
  }

  #diagnostic({ lines, near, why }: Group, rows: readonly string[]): Diagnostic {
    const { message, hint } = why();
    const [line = 1] = lines;
    const quoted = JSON.stringify(near);
    const found = (rows[line - 1] ?? '').indexOf(quoted);
    const span = found < 0 ? { column: 1 } : { column: found + 1, length: quoted.length };
    return {
      severity: 'error',
      code: 'ALERT',
      message: lines.length === 1 ? message : `${message} (${linesText(lines)})`,
      at: { file: this.#path, line, ...span },
      ...(hint === undefined ? {} : { hint }),
    };
  }
}
