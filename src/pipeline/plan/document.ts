/** A pipeline file as text with positions: every error can point at the very characters. */

import { dirname, resolve } from 'node:path';
import {
  type Document,
  type DocumentOptions,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParseOptions,
  parse,
  parseDocument,
  type SchemaOptions,
  visit,
  type YAMLError,
} from 'yaml';
import {
  type Diagnostic,
  exitCode,
  exitFor,
  messageOf,
  type Place,
  type SourceText,
  UserError,
} from '../../core/errors.ts';
import { readText } from '../../core/files/read-once.ts';
import { scalarPlace } from '../../rules/source.ts';

export type Path = readonly (string | number)[];

/** The name under which `--set` arguments appear in diagnostics. */
const SETS = '--set';

/** How other files than pipelines are written. */
export interface Dialect {
  /** Options of the YAML parser. */
  readonly yaml?: ParseOptions & DocumentOptions & SchemaOptions;
  /** Whether an error of the parser is none in this dialect: it has made something sensible of it. */
  readonly tolerates?: (error: YAMLError, text: string) => boolean;
}

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

  private constructor(name: string, text: string, sets: readonly string[], { yaml, tolerates }: Dialect) {
    this.name = name;
    // What comes through a pipe belongs to no folder.
    this.folder = /^\/(?:dev|proc)\//.test(resolve(name)) ? resolve('.') : dirname(resolve(name));
    this.texts = [
      { name, text },
      { name: SETS, text: sets.map((set) => set.replaceAll('\n', ' ')).join('\n') },
    ];
    if (UTF_16.test(text)) throw configError(name, [inUtf16(name)], this.texts);
    if (text.includes('\0')) throw configError(name, [isNoText(name)], this.texts);
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { merge: true, ...yaml, lineCounter: this.#lines, prettyErrors: false });
    const found = this.#document.errors.filter((error) => !tolerates?.(error, text));
    this.#document.errors = found;
    // What follows a slip is often only its consequence.
    const slips = found.filter(({ code }) => code !== 'DUPLICATE_KEY').slice(0, 1);
    const twice = found.filter(({ code }) => code === 'DUPLICATE_KEY');
    const errors = [
      ...[...slips, ...twice].map((error) => this.#syntax(error, text)),
      ...this.#aliases(),
      ...this.#keys(),
    ];
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
      text = readText(path);
    } catch (error) {
      throw new UserError(`Cannot read the pipeline ${path}: ${messageOf(error)}`, {
        exit: exitCode.config,
        cause: error,
      });
    }
    return PipelineDocument.parse(path, text, sets);
  }

  /** As `load`, with the text given. */
  static parse(name: string, text: string, sets: readonly string[] = [], dialect: Dialect = {}): PipelineDocument {
    return new PipelineDocument(name, text, sets, dialect);
  }

  /** The document as plain values. Throws a UserError for aliases that blow up. */
  value(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      const message = `Its aliases (*name) expand to more than can be read: ${messageOf(error)}`;
      const at = { file: this.name, line: 1, column: 1 };
      throw configError(this.name, [{ severity: 'error', code: 'CONFIG_YAML', message, at }], this.texts);
    }
  }

  /** Where a value stands, or with `key` the key that it stands under; a missing part gives the nearest thing above. */
  place(path: Path, what: 'key' | 'value' = 'value'): Place {
    const set = this.#sets.findLastIndex((each) => each.path.every((part, index) => same(part, path[index])));
    if (set >= 0) return this.#atSet(set, what === 'key' && this.#sets[set]?.path.length === path.length);
    const node = what === 'key' ? this.#pair(this.#node(path.slice(0, -1)), path.at(-1))?.key : this.#node(path);
    const range = isNode(node) ? node.range : undefined;
    if (range) return this.#at(range[0], range[1]);
    // Where a list may stand, one value may stand for it.
    const above = path.slice(0, -1);
    if (typeof path.at(-1) === 'number' && isScalar(this.#node(above))) return this.place(above);
    // What the file does not have, a --set below it has made.
    const maker = this.#sets.findLastIndex(
      (each) => path.length > 0 && path.every((part, index) => same(part, each.path[index])),
    );
    if (maker >= 0) return this.#atSet(maker, true);
    if (path.length === 0) return { file: this.name, line: 1, column: 1 };
    return this.place(above, 'key');
  }

  /** Finds where a part of a text value stands, given its offsets in the value; of any other value, the whole. */
  placer(path: Path): (span: { readonly start: number; readonly end: number }) => Place {
    const whole = this.place(path);
    const node = this.#resolved(this.#node(path));
    if (whole.file !== this.name || !isScalar(node)) return () => whole;
    return scalarPlace(this.name, this.texts[0]?.text ?? '', node);
  }

  // What stands at a path, also behind aliases (*name) and merge keys (<<: *name).
  #node(path: Path): unknown {
    return path.reduce<unknown>((node, part) => {
      const above = this.#resolved(node);
      return isSeq(above) ? above.items[Number(part)] : this.#pair(above, part)?.value;
    }, this.#document.contents);
  }

  #pair(node: unknown, key: string | number | undefined): Pair | undefined {
    const map = this.#resolved(node);
    if (!isMap(map)) return undefined;
    const own = map.items.find((item) => isScalar(item.key) && same(item.key.value, key));
    return own ?? map.items.flatMap((item) => this.#merged(item).map((each) => this.#pair(each, key))).find(Boolean);
  }

  // The maps that a pair with a merge key adds; of any other pair none.
  #merged({ key, value }: Pair): readonly unknown[] {
    if (!isScalar(key) || typeof key.value !== 'symbol') return [];
    const given = this.#resolved(value);
    return isSeq(given) ? given.items : [value];
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #at(from: number, to: number): Place {
    const { line, col } = this.#lines.linePos(from);
    return { file: this.name, line, column: col, length: Math.max(1, to - from) };
  }

  #atSet(index: number, key: boolean): Place {
    const text = this.#sets[index]?.text ?? '';
    const equals = text.indexOf('=');
    const from = key ? 0 : equals + 1;
    return { file: SETS, line: index + 1, column: from + 1, length: Math.max(1, (key ? equals : text.length) - from) };
  }

  #syntax({ code, message, pos }: YAMLError, text: string): Diagnostic {
    if (code === 'MULTIPLE_DOCS' && isManifest(this.value())) return aboutManifest(this.#at(0, 0));
    const at = this.#at(pos[0], pos[1]);
    const word = /^[^\s:,{}[\]]+/.exec(text.slice(pos[0]))?.[0] ?? '';
    const [said, hint] = SYNTAX[code] ?? [];
    const place = code === 'DUPLICATE_KEY' ? { ...at, length: Math.max(1, word.length) } : at;
    const shown = said?.replace('$', word) ?? message.replace(/\.?$/, '');
    return { severity: 'error', code: 'CONFIG_YAML', message: shown, at: place, ...(hint ? { hint } : {}) };
  }

  #aliases(): Diagnostic[] {
    const found: Diagnostic[] = [];
    visit(this.#document, {
      Alias: (_key, alias, above) => {
        const anchored = alias.resolve(this.#document);
        const isWithin = above.some((each) => each === anchored);
        if ((anchored && !isWithin) || !alias.range) return;
        const message = anchored
          ? `This alias stands within what &${alias.source} names: it would have no end`
          : `There is no anchor &${alias.source} above this alias`;
        const hint = 'A text that begins with * must be quoted.';
        const at = this.#at(alias.range[0], alias.range[1]);
        found.push({ severity: 'error', code: 'CONFIG_YAML', message, at, hint });
      },
    });
    return found;
  }

  // As a key of an object this word is none: what stands under it would not be seen. What is merged has to be maps.
  #keys(): Diagnostic[] {
    const found: Diagnostic[] = [];
    visit(this.#document, {
      Pair: (_key, pair) => {
        const { key } = pair;
        for (const each of this.#merged(pair)) {
          if (!isNode(each) || !each.range || isMap(this.#resolved(each)) || !this.#resolved(each)) continue;
          const at = this.#at(each.range[0], each.range[1]);
          found.push({ severity: 'error', code: 'CONFIG_YAML', message: NO_MAP, at });
        }
        if (!isScalar(key) || key.value !== PROTO || !key.range) return;
        const at = this.#at(key.range[0], key.range[1]);
        found.push({ severity: 'error', code: 'CONFIG_YAML', message: NO_KEY, at, hint: 'Give it another name.' });
      },
    });
    return found;
  }

  #set(text: string, index: number): { path: Path; text: string } {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const wrong = (message: string) => {
      const at = { file: SETS, line: index + 1, column: 1, length: text.length };
      const diagnostic = { severity: 'error', code: 'CONFIG_SET', message, at } as const;
      return configError(this.name, [diagnostic], this.texts, exitCode.usage);
    };
    if (key === undefined || value === undefined) throw wrong('An argument of --set has the form a.b=value');
    if (key.split('.').includes(PROTO)) throw wrong(NO_KEY);
    const path = key.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    let given: unknown;
    try {
      given = parse(value, { prettyErrors: false });
    } catch (error) {
      throw wrong(`The value of --set ${key} is no YAML: ${messageOf(error)}`);
    }
    try {
      this.#document.setIn(path, this.#document.createNode(given));
    } catch {
      throw wrong(`--set cannot put a value at ${key}: what is above it is neither a map nor a list`);
    }
    return { path, text };
  }
}

const PROTO = '__proto__';
const NO_MAP = 'What << merges is a map, an alias of one, or a list of such';
const NO_KEY = `"${PROTO}" cannot be a key`;

/** What is said of common slips instead of the parser's words, and the advice; $ is the word at the place. */
const SYNTAX: Record<string, readonly [string | undefined, string]> = {
  TAB_AS_INDENT: ['This line is indented with a tab', 'Indent with spaces.'],
  DUPLICATE_KEY: ['The key "$" stands twice in this map', 'Keep one of them.'],
  MULTIPLE_DOCS: ['A second document begins here', 'A pipeline file has one; give each pipeline a file of its own.'],
  BAD_INDENT: [undefined, 'Is a { or [ above still open? The keys of one map begin in the same column.'],
  BLOCK_AS_IMPLICIT_KEY: [
    'A value ends here and another begins',
    'Quote a text with ": " in it; put the keys of one map in the same column.',
  ],
  MULTILINE_IMPLICIT_KEY: ['This key has no colon', 'Write key: value.'],
  BAD_SCALAR_START: [undefined, 'Put the text in quotes.'],
};

/** How UTF-16 begins where it is read as UTF-8: with a byte order mark, or with a byte that is zero beside one that is not. */
const UTF_16 = /^(?:\uFFFD\uFFFD|.\0|\0)/;

function inUtf16(file: string): Diagnostic {
  return unreadable(file, 'This file is in UTF-16, not in UTF-8', 'Save it as UTF-8: iconv -f UTF-16 -t UTF-8.');
}

function isNoText(file: string): Diagnostic {
  return unreadable(file, 'This file is no text: it has bytes that are zero', 'Pipelines and rules files are YAML.');
}

// Its bytes read as another encoding tell nothing.
function unreadable(file: string, message: string, hint: string): Diagnostic {
  const at = { file, line: 1, column: 1 };
  return { severity: 'error', code: 'CONFIG_YAML', message, hint, hidden: true, at };
}

/** Whether a file is for Kubernetes: keys that each of its manifests has, and no pipeline. */
export function isManifest(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'apiVersion' in value && 'kind' in value && !('sinks' in value);
}

export function aboutManifest(at: Place): Diagnostic {
  const message = 'This is a Kubernetes manifest, no pipeline';
  const hint = 'kubectl apply --dry-run=server checks it; a pipeline in a ConfigMap is validated as a file of its own';
  return { severity: 'error', code: 'CONFIG_OF_KUBERNETES', message, hint, at };
}

// A key that is written as a number is met as text elsewhere.
function same(a: unknown, b: unknown): boolean {
  return b !== undefined && String(a) === String(b);
}

/** An error of configuration: exit status 78, or 75 where all may pass by itself, with the places it was found at. */
export function configError(
  name: string,
  diagnostics: readonly Diagnostic[],
  texts: readonly SourceText[],
  exit: number = exitFor(diagnostics),
): UserError {
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  return new UserError(`${name} has ${count === 1 ? 'an error' : `${count} errors`}`, { exit, diagnostics, texts });
}
