/** What gets no exception, each with why: counted, and told together where the same is wrong. */

import { counted } from '../../core/counted.ts';
import { exitCode, UserError } from '../../core/errors.ts';
import { linesText } from './yaml.ts';

/** So many reasons are told in full. */
const MOST = 5;

export interface Why {
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface Reason extends Why {
  readonly lines: readonly number[];
}

export class LeftOut {
  readonly #reasons = new Map<string, Why & { readonly lines: number[] }>();
  count = 0;

  /** `key`: the same where the same is wrong; of these only the first is asked why. A line counts as often as it is given. */
  add(lines: readonly number[], key: string, why: () => Why): void {
    this.count += lines.length;
    const reason = this.#reasons.get(key);
    if (reason) for (const line of lines) reason.lines.push(line);
    else this.#reasons.set(key, { ...why(), lines: [...lines] });
  }

  /** Those of the most lines first. */
  get reasons(): readonly Reason[] {
    return [...this.#reasons.values()].toSorted((a, b) => b.lines.length - a.lines.length);
  }

  /** A line each. `say`: "3 alerts get no exception", for so many. */
  texts(say: (count: number) => string): readonly string[] {
    const lines = this.reasons.slice(MOST).flatMap((reason) => reason.lines);
    const others = `${say(lines.length)} for ${counted(this.reasons.length - MOST, 'other reason')} (${linesText(lines)}).`;
    return [
      ...this.#told().map(({ message, hint, lines }) => {
        const end = /[.?!]$/.test(message) ? '' : '.';
        return `${say(lines.length)} (${linesText(lines)}): ${message}${end}${hint === undefined ? '' : ` ${hint}`}`;
      }),
      ...(lines.length > 0 ? [others] : []),
    ];
  }

  /** As an error; `message` is what it says. */
  error(file: string, message: string): UserError {
    const diagnostics = this.#told().map(({ message, hint, lines }) => ({
      severity: 'error' as const,
      code: 'ALERT',
      message: lines.length === 1 ? message : `${message} (${linesText(lines)})`,
      at: { file, line: lines[0] as number, column: 1 },
      ...(hint === undefined ? {} : { hint }),
    }));
    const { length } = this.reasons;
    const shown = length > MOST ? `; ${MOST} of ${length} reasons are shown` : '';
    return new UserError(`${message}${shown}`, { exit: exitCode.config, diagnostics });
  }

  /** Those that are told in full, a hint once. */
  #told(): readonly Reason[] {
    const hints = new Set<string | undefined>();
    return this.reasons.slice(0, MOST).map((reason) => {
      const known = hints.has(reason.hint);
      hints.add(reason.hint);
      return known ? { message: reason.message, lines: reason.lines } : reason;
    });
  }
}
