/** A pipeline file as text with positions: every error can point at the very characters. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, type Node, parse, parseDocument } from 'yaml';
import { type Diagnostic, exitCode, messageOf, type Place, type SourceText, UserError } from '../core/errors.ts';
import { scalarPlace } from '../rules/source.ts';

export type Path = readonly (string | number)[];

/** The name under which `--set` arguments appear in diagnostics. */
const SETS = '--set';

export class PipelineDocument {
  /** The path as the user gave it. */
  readonly name: string;
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Texts that diagnostics can quote. */
  readonly texts: readonly SourceText[];
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #sets: readonly { readonly path: Path; readonly text: string }[];

  private constructor(name: string, text: string, sets: readonly string[]) {
    this.name = name;
    this.folder = dirname(resolve(name));
    this.texts = [
      { name, text },
      { name: SETS, text: sets.join('\n') },
    ];
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const errors = this.#document.errors.map(({ message, pos }): Diagnostic => {
      const at = this.#at(pos[0], pos[1]);
      return { severity: 'error', code: 'CONFIG_YAML', message: message.replace(/\.?$/, ''), at };
    });
    if (errors.length > 0) throw configError(name, errors, this.texts);
    this.#sets = sets.map((set, index) => this.#set(set, index));
  }

  /**
   * Parses a file, then applies `--set a.b=value` arguments (values are YAML) in their order. Throws a UserError (exit 78)
   * when the file cannot be read or is no YAML.
   */
  static load(path: string, sets: readonly string[] = []): PipelineDocument {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new UserError(`Cannot read the pipeline ${path}: ${messageOf(error)}`, {
        exit: exitCode.config,
        cause: error,
      });
    }
    return PipelineDocument.parse(path, text, sets);
  }

  /** As `load`, with the text given. */
  static parse(name: string, text: string, sets: readonly string[] = []): PipelineDocument {
    return new PipelineDocument(name, text, sets);
  }

  /** The document as plain values. Throws a UserError for aliases that blow up. */
  value(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      throw configError(this.name, [{ severity: 'error', code: 'CONFIG_YAML', message: messageOf(error) }], this.texts);
    }
  }

  /** Where a value stands, or with `key` the key that it stands under; a missing part gives the nearest thing above. */
  place(path: Path, what: 'key' | 'value' = 'value'): Place {
    const set = this.#sets.findIndex((each) => each.path.every((part, index) => part === path[index]));
    const given = this.#sets[set];
    if (given) {
      const column = given.text.indexOf('=') + 2;
      return { file: SETS, line: set + 1, column, length: Math.max(1, given.text.length - column + 1) };
    }
    const node = what === 'key' ? this.#key(path) : this.#document.getIn(path, true);
    const range = isNode(node) ? node.range : undefined;
    if (range) return this.#at(range[0], range[1]);
    if (path.length === 0) return { file: this.name, line: 1, column: 1 };
    return this.place(path.slice(0, -1), 'key');
  }

  /** Finds where a part of a text value stands, given its offsets in the value. */
  placer(path: Path): (span: { readonly start: number; readonly end: number }) => Place {
    const whole = this.place(path);
    if (whole.file !== this.name) return () => whole;
    return scalarPlace(this.name, this.texts[0]?.text ?? '', this.#document.getIn(path, true));
  }

  #key(path: Path): Node | undefined {
    const parent = this.#document.getIn(path.slice(0, -1), true);
    const last = path.at(-1);
    if (!isMap(parent)) return undefined;
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === last);
    return isNode(pair?.key) ? pair.key : undefined;
  }

  #at(from: number, to: number): Place {
    const { line, col } = this.#lines.linePos(from);
    return { file: this.name, line, column: col, length: Math.max(1, to - from) };
  }

  #set(text: string, index: number): { path: Path; text: string } {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const wrong = (message: string) => {
      const at = { file: SETS, line: index + 1, column: 1, length: text.length };
      return configError(
        this.name,
        [{ severity: 'error', code: 'CONFIG_SET', message, at }],
        this.texts,
        exitCode.usage,
      );
    };
    if (key === undefined || value === undefined) throw wrong('An argument of --set has the form a.b=value');
    const path = key.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    try {
      this.#document.setIn(path, this.#document.createNode(parse(value)));
    } catch (error) {
      throw wrong(`--set cannot put a value at ${key}: ${messageOf(error)}`);
    }
    return { path, text };
  }
}

/** An error of configuration: exit status 78, with the places it was found at. */
export function configError(
  name: string,
  diagnostics: readonly Diagnostic[],
  texts: readonly SourceText[],
  exit: number = exitCode.config,
): UserError {
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  return new UserError(`${name} has ${count === 1 ? 'an error' : `${count} errors`}`, { exit, diagnostics, texts });
}
