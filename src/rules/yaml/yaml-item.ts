/** Reads the mappings of a rules file, with Falco's errors for whatever has the wrong shape (spec/falco-engine.md §1.2). */

import type { Alias, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml';
import { suggest } from '../../core/errors.ts';
import type { ScalarSource } from '../source.ts';
import type { SourceFile } from './issue.ts';
import { Context, failLoad } from './issue.ts';
import { PlainPair } from './plain-nodes.ts';

/** A scalar as text, and where it stands. */
export interface ScalarText {
  readonly text: string;
  readonly from: ScalarSource;
}

/** What the aliases of a document stand for: the last node before them that has their anchor. */
export class Aliases {
  readonly #root: Node;
  #targets: Map<Alias, Node | undefined> | undefined;

  constructor(root: Node) {
    this.#root = root;
  }

  resolve(alias: Alias): Node | undefined {
    return (this.#targets ??= this.#find()).get(alias);
  }

  #find(): Map<Alias, Node | undefined> {
    const targets = new Map<Alias, Node | undefined>();
    const anchors = new Map<string, Node>();
    visit(this.#root, {
      Node(_, node) {
        if (isAlias(node)) targets.set(node, anchors.get(node.source));
        else if (node.anchor) anchors.set(node.anchor, node as Node);
      },
    });
    return targets;
  }
}

/** One mapping of a rules file. */
export class YamlItem {
  readonly node: YAMLMap;
  readonly #aliases: Aliases;
  readonly #file: SourceFile;
  /** The texts of its keys; undefined for those that have none. */
  #names: readonly (string | undefined)[] | undefined;

  constructor(node: YAMLMap, aliases: Aliases, file: SourceFile) {
    this.node = node;
    this.#aliases = aliases;
    this.#file = file;
  }

  get keys(): readonly string[] {
    return this.node.items.map((pair) => nameOf(pair) ?? '');
  }

  /** Its keys with their nodes, those that are given again too. */
  get keyNodes(): readonly { readonly key: string; readonly node: Node }[] {
    return this.node.items.map(({ key }) => ({ key: isScalar(key) ? scalarText(key) : '', node: key as Node }));
  }

  has(key: string): boolean {
    return this.#pair(key) !== undefined;
  }

  /** The node of a key, aliases followed; undefined when missing or null. */
  get(key: string): Node | undefined {
    const node = this.value(key);
    return node === undefined || isNull(node) ? undefined : node;
  }

  /** The node of a key, aliases followed, null too. */
  value(key: string): Node | undefined {
    return this.resolve(this.#pair(key)?.value);
  }

  keyNode(key: string): Node | undefined {
    return this.#pair(key)?.key as Node | undefined;
  }

  #pair(key: string): Pair | undefined {
    const { items } = this.node;
    // The first of each counts.
    const at = (this.#names ??= items.map(nameOf)).indexOf(key);
    return at < 0 ? undefined : items[at];
  }

  resolve(node: unknown): Node | undefined {
    if (isAlias(node)) return this.#aliases.resolve(node) ?? this.#unknownAlias(node);
    return (node ?? undefined) as Node | undefined;
  }

  #unknownAlias(node: Alias): never {
    const context = Context.ofFile(this.#file).child('value for', '', node);
    return failLoad('LOAD_ERR_YAML_PARSE', `the referenced anchor is not defined: ${node.source}`, context, {
      diagnostic: { hint: 'A value that begins with * stands in quotes.' },
    });
  }

  #requireKey(key: string, context: Context): void {
    if (this.has(key)) return;
    const misspelt = this.#misspelt(key) ?? this.#misspelt('override');
    const diagnostic =
      misspelt === undefined
        ? { hint: this.#missingHint(key) }
        : { hint: misspelt.hint, at: context.placeOf(this.keyNode(misspelt.key)) };
    failLoad('LOAD_ERR_YAML_VALIDATE', `Item has no mapping for key '${key}'`, context, { diagnostic });
  }

  /** The value of a key that must be there with something in it. */
  #required(key: string, context: Context): Node {
    this.#requireKey(key, context);
    const at = () => context.placeOf(this.keyNode(key));
    return (
      this.get(key) ??
      failLoad('LOAD_ERR_YAML_VALIDATE', `Mapping for key '${key}' is empty`, context, { diagnostic: { at: at() } })
    );
  }

  /** A key that was probably meant to be another. */
  #misspelt(meant: string): { readonly key: string; readonly hint: string } | undefined {
    const key = suggest(meant, this.keys);
    if (key === undefined || key === meant) return undefined;
    return { key, hint: `'${key}' was probably meant to be '${meant}'.` };
  }

  /** Why a key may be missing. */
  #missingHint(key: string): string {
    if (this.has('<<')) return mergeKeys;
    // What is neither defined nor overridden is taken for a switch.
    if (key === 'enabled')
      return "A rule has condition, output, desc and priority; 'enabled:' alone switches one above.";
    const within = this.node.items.find(({ value }) => isScalar(value) && holdsKey(scalarText(value), key));
    if (within === undefined) return `Add '${key}:'.`;
    return `The value of '${scalarText(within.key as Scalar)}' holds '${key}:'; indent it as the other keys are.`;
  }

  scalar(key: string, context: Context): ScalarText {
    const found = this.get(key);
    const text = isScalar(found) ? scalarText(found) : '';
    if (text !== '') return { text, from: this.#source(found as Scalar) };
    const node = this.#required(key, context);
    return this.scalarOf(node, () => context.child('value for', key, node));
  }

  optionalScalar(key: string, context: Context): ScalarText | undefined {
    return this.has(key) ? this.scalar(key, context) : undefined;
  }

  /** A node as text; `place` is worked out when it is none. */
  scalarOf(node: Node, place: () => Context): ScalarText {
    const found = this.resolve(node);
    const text = isScalar(found) ? scalarText(found) : undefined;
    if (text) return { text, from: this.#source(found as Scalar) };
    const message = text === undefined ? 'Value is not a scalar value' : 'Value must be non-empty';
    return failLoad('LOAD_ERR_YAML_VALIDATE', message, place());
  }

  boolean(key: string, context: Context): boolean | undefined {
    const scalar = this.optionalScalar(key, context);
    if (scalar === undefined) return undefined;
    const value = parseBoolean(scalar.text);
    return value ?? this.#undecodable(key, context, 'Write true or false.');
  }

  unsigned(key: string, context: Context): number | undefined {
    const scalar = this.optionalScalar(key, context);
    if (scalar === undefined) return undefined;
    return parseUnsigned(scalar.text) ?? this.#undecodable(key, context, 'Write a whole number below 2^32.');
  }

  #undecodable(key: string, context: Context, hint: string): never {
    return failLoad(
      'LOAD_ERR_YAML_VALIDATE',
      "Can't decode YAML scalar value",
      context.child('value for', key, this.get(key)),
      {
        diagnostic: { hint },
      },
    );
  }

  scalars(key: string, context: Context): readonly ScalarText[] {
    this.#requireKey(key, context);
    const node = this.get(key);
    if (node === undefined) this.#emptyList(key, context);
    const place = context.child('value for', key, node);
    if (!isSeq(node)) {
      const hint = isScalar(node) ? `Write a list: [${scalarText(node)}].` : 'Write a list: [a, b].';
      failLoad('LOAD_ERR_YAML_VALIDATE', 'Value is not a sequence', place, { diagnostic: { hint } });
    }
    const found: ScalarText[] = [];
    const nodes = this.sequence(node);
    for (let index = 0; index < nodes.length; index++) {
      const each = nodes[index] as Node;
      if (!isScalar(each) || isNull(each)) {
        failLoad('LOAD_ERR_YAML_VALIDATE', 'sequence value is not scalar', place.child('list item', '', each));
      }
      found.push({ text: scalarText(each), from: this.#source(each) });
    }
    return found;
  }

  #emptyList(key: string, context: Context): never {
    const place = context.child('value for', key, this.value(key));
    failLoad('LOAD_ERR_YAML_VALIDATE', 'Value is not a sequence', place, {
      diagnostic: {
        message: `Mapping for key '${key}' is empty`,
        at: context.placeOf(this.keyNode(key)),
        hint: 'Write a list: [a, b]; [] has no items.',
      },
    });
  }

  #source(node: Scalar): ScalarSource {
    return { file: this.#file.name, content: this.#file.content, node };
  }

  sequence(node: YAMLSeq): readonly Node[] {
    const found: Node[] = [];
    for (let index = 0; index < node.items.length; index++) {
      const each = this.resolve(node.items[index]);
      if (each !== undefined) found.push(each);
    }
    return found;
  }

  map(node: Node | undefined): YamlItem | undefined {
    const found = this.resolve(node);
    return isMap(found) ? new YamlItem(found, this.#aliases, this.#file) : undefined;
  }
}

export const mergeKeys = 'Merge keys (<<) are not read, as in Falco: write the keys themselves.';

/** Whether a text has lines of its own for a key: it was indented too far. */
function holdsKey(text: string, key: string): boolean {
  return text.split(/\s+/).includes(`${key}:`);
}

function nameOf(pair: Pair | PlainPair): string | undefined {
  if (pair instanceof PlainPair) return pair.name;
  const { key } = pair;
  return isScalar(key) ? scalarText(key) : undefined;
}

/** The text of a scalar as it is written: numbers and truth values stay as they are. */
export function scalarText(node: Scalar): string {
  return typeof node.source === 'string' ? node.source : String(node.value ?? '');
}

const nulls: ReadonlySet<string> = new Set(['~', 'null', 'Null', 'NULL', '']);

export function isNull(node: Node): boolean {
  return isScalar(node) && node.type === 'PLAIN' && nulls.has(scalarText(node));
}

/** The words of YAML 1.1, in lower case, upper case or capitalised. */
/** A whole number below 2^32, read as Falco's YAML reader does: 0x10 is 16, and 010 is 8. Undefined for anything else. */
export function parseUnsigned(text: string): number | undefined {
  const [, hex, octal, decimal] = /^\+?(?:0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9]\d*))\s*$/.exec(text) ?? [];
  const value = hex ? Number(`0x${hex}`) : octal ? Number(`0o${octal}`) : Number(decimal ?? Number.NaN);
  return value <= 0xffffffff ? value : undefined;
}

function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (text !== word && text !== text.toUpperCase() && text.slice(1) !== word.slice(1)) return undefined;
  if (['true', 'yes', 'on', 'y'].includes(word)) return true;
  return ['false', 'no', 'off', 'n'].includes(word) ? false : undefined;
}
