/** Reads the items of a rules file and hands them to the collector (spec/falco-engine.md §1.1-1.5). */

import type { Node } from 'yaml';
import { isMap, isScalar, isSeq } from 'yaml';
import { suggest } from '../../core/errors.ts';
import { readItemsFrom } from '../lists/items-from.ts';
import { ComposedText } from '../source.ts';
import type { Issue, SourceFile } from '../yaml/issue.ts';
import { attempt, Context, failLoad } from '../yaml/issue.ts';
import { Aliases, isNull, mergeKeys, parseUnsigned, YamlItem } from '../yaml/yaml-item.ts';
import type { Collector, Warn } from './collector.ts';
import type { RuleContent, RuleUpdate } from './definitions.ts';
import { type OverrideKeys, overrideKeys, readOverrides, refuseUnexpected, requireOverridden } from './overrides.ts';
import { readRuleContent } from './rule-content.ts';
import type { Unread } from './unread.ts';
import type { Plugin } from './versions.ts';
import { parseVersion } from './versions.ts';

const itemKeys: Readonly<Record<string, readonly string[]>> = {
  required_engine_version: ['required_engine_version'],
  required_plugin_versions: ['required_plugin_versions'],
  list: ['list', 'items', 'items_from', 'append', 'override'],
  macro: ['macro', 'condition', 'append', 'override'],
  rule: ['rule', 'source', 'append', 'override', ...overrideKeys.rule.replace],
};

const kinds = Object.keys(itemKeys);
const requiredKeys: readonly string[] = ['condition', 'output', 'desc', 'priority'];
const overridable: readonly string[] = [...overrideKeys.rule.replace];

const appendDeprecated =
  "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
const enabledDeprecated =
  "The standalone 'enabled' key usage is deprecated. " +
  "The correct approach requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').";

/**
 * Reads what one document holds, an item a step. What is wrong with an item is one of the errors, and the item one of those
 * that are not read. Throws LoadFailure for what holds no items.
 */
export function* readItems(
  root: Node | null,
  file: SourceFile,
  collector: Collector,
  warn: Warn,
  errors: Issue[],
  unread: Unread,
): Generator<void, void> {
  if (root === null || isNull(root)) return;
  const context = Context.ofFile(file);
  if (isScalar(root)) failLoad('LOAD_ERR_YAML_VALIDATE', 'Rules content is not yaml', context);
  if (!isSeq(root)) failLoad('LOAD_ERR_YAML_VALIDATE', 'Rules content is not yaml array of objects', context);
  const reader = new ItemReader(collector, warn);
  const aliases = new Aliases(root);
  const helper = new YamlItem(root as never, aliases, file);
  for (const node of helper.sequence(root)) {
    if (isNull(node)) continue;
    const place = context.child('rules content item', '', node);
    if (!isMap(node)) {
      failLoad(
        'LOAD_ERR_YAML_VALIDATE',
        'Unexpected element type. Each element should be a yaml associative array.',
        place,
      );
    }
    const item = new YamlItem(node, aliases, file);
    const wrong: Issue[] = [];
    attempt(wrong, () => reader.read(item, context, place));
    // That nothing is there to append to may be so because it is wrong itself.
    const follows = unread.touches(item);
    errors.push(...wrong.filter(({ code }) => !follows || code !== 'LOAD_ERR_VALIDATE'));
    if (wrong.length > 0) unread.add(item);
    yield;
  }
}

class ItemReader {
  readonly #collector: Collector;
  readonly #warn: Warn;

  constructor(collector: Collector, warn: Warn) {
    this.#collector = collector;
    this.#warn = warn;
  }

  read(item: YamlItem, file: Context, place: Context): void {
    const kind = kinds.find((key) => item.has(key));
    if (kind === 'rule') this.#rule(item, file);
    else if (kind === 'macro') this.#macro(item, file);
    else if (kind === 'list') this.#list(item, file);
    else if (kind === 'required_engine_version') this.#engineVersion(item, file);
    else if (kind === 'required_plugin_versions') this.#pluginVersions(item, file);
    else this.#unknownItem(item, place);
  }

  #unknownItem(item: YamlItem, place: Context): void {
    const [first] = item.keyNodes;
    const meant = suggest(first?.key ?? '', kinds);
    const hint = meant === undefined ? `An item is one of ${kinds.join(', ')}.` : `Did you mean ${meant}?`;
    const at = place.placeOf(first?.node);
    this.#warn('LOAD_UNKNOWN_ITEM', 'Unknown top level item', place, { diagnostic: { at, hint } });
  }

  #unknownKeys(item: YamlItem, kind: string, context: Context): void {
    const known = itemKeys[kind] ?? [];
    const { keys } = item;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const isAgain = keys.indexOf(key) < index;
      const isKnown = known.includes(key);
      if (isKnown && !isAgain) continue;
      const at = context.placeOf(item.node.items[index]?.key as Node);
      if (isAgain) {
        const message = `Key '${key}' is given more than once. The first one counts.`;
        this.#warn('LOAD_UNKNOWN_KEY', message, context, { diagnostic: { at } });
      }
      if (isKnown) continue;
      const hint = unknownKeyHint(key, known);
      const message = `Unknown key '${key}'. The key will be ignored.`;
      this.#warn('LOAD_UNKNOWN_KEY', message, context, {
        diagnostic: { at, ...(hint === undefined ? {} : { hint }) },
      });
    }
  }

  #engineVersion(item: YamlItem, file: Context): void {
    const context = file.child('required_engine_version', '', item.node);
    const { text, from } = item.scalar('required_engine_version', context);
    const minor = parseUnsigned(text);
    const version = minor === undefined ? text : `0.${minor}.0`;
    if (parseVersion(version) === undefined) {
      const hint = /^\d+\.\d+$/.test(text) ? `Write ${text}.0.` : 'Write three numbers: 0.57.0.';
      failLoad(
        'LOAD_ERR_YAML_VALIDATE',
        `Unable to parse engine version '${text}' as a semver string. Expected "x.y.z" semver format.`,
        context,
        { diagnostic: { at: context.placeOf(from.node), hint } },
      );
    }
    this.#collector.requireEngine(version, context);
    this.#unknownKeys(item, 'required_engine_version', context);
  }

  #pluginVersions(item: YamlItem, file: Context): void {
    const node = item.value('required_plugin_versions');
    const context = file.child('required plugin versions', '', node);
    if (!isSeq(node))
      failLoad('LOAD_ERR_YAML_VALIDATE', 'Value of required_plugin_versions must be a sequence', context);
    for (const each of item.sequence(node)) {
      const [plugin, entry, place] = this.#plugin(item, each, context, 'required plugin versions entry');
      const alternatives = entry.value('alternatives');
      if (alternatives !== undefined && !isSeq(alternatives)) {
        failLoad('LOAD_ERR_YAML_VALIDATE', 'Value of plugin version alternatives must be a sequence', place);
      }
      const others =
        alternatives === undefined
          ? []
          : entry
              .sequence(alternatives)
              .map((other) => this.#plugin(entry, other, place, 'required plugin versions alternative')[0]);
      this.#collector.requirePlugin([plugin, ...others], place);
    }
    this.#unknownKeys(item, 'required_plugin_versions', context);
  }

  #plugin(item: YamlItem, node: Node, context: Context, type: string): [Plugin, YamlItem, Context] {
    const unnamed = context.child(type, '', node);
    const what = type.endsWith('alternative') ? 'Plugin version alternative' : 'Plugin version';
    const entry =
      item.map(node) ??
      failLoad('LOAD_ERR_YAML_VALIDATE', `${what} must be a mapping`, unnamed, {
        diagnostic: { hint: 'Write a name and a version: {name: container, version: 0.4.0}.' },
      });
    const name = entry.scalar('name', unnamed).text;
    const place = context.child(type, name, node);
    return [{ name, version: entry.scalar('version', place).text }, entry, place];
  }

  #list(item: YamlItem, file: Context): void {
    const { text: name } = item.scalar('list', file.child('list', '', item.node));
    const context = file.child('list', name, item.node);
    if (!/^[^()"' \t\n\v\f\r=,]+$/.test(name)) {
      this.#warn(
        'LOAD_INVALID_LIST_NAME',
        `List has an invalid name. List names should match a regular expression: ${'[^()"\'[:space:]=,]+'}`,
        context,
      );
    }
    const from = readItemsFrom(item, context);
    const items = from !== undefined && !item.has('items') ? [] : item.scalars('items', context);
    if (from !== undefined && (item.has('append') || item.has('override'))) {
      failLoad('LOAD_ERR_YAML_VALIDATE', 'items_from cannot be appended to a list', from.context, {
        diagnostic: { hint: 'Make it a list of its own, and append its name to the items of the other.' },
      });
    }
    if (!isPlain(item) && this.#appends(item, context, 'list')) this.#collector.appendList(name, items, context);
    else this.#collector.defineList(name, items, context, from);
    if (!isPlain(item)) this.#unknownKeys(item, 'list', context);
  }

  #macro(item: YamlItem, file: Context): void {
    const { text: name } = item.scalar('macro', file.child('macro', '', item.node));
    const context = file.child('macro', name, item.node);
    if (!/^[a-zA-Z]+[a-zA-Z0-9_]*$/.test(name)) {
      this.#warn(
        'LOAD_INVALID_MACRO_NAME',
        'Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)',
        context,
      );
    }
    const condition = item.scalar('condition', context);
    const text = ComposedText.of(condition.text, condition.from);
    if (!isPlain(item) && this.#appends(item, context, 'macro')) this.#collector.appendMacro(name, text, context);
    else this.#collector.defineMacro(name, text, context.child('macro condition', '', item.get('condition')), context);
    if (!isPlain(item)) this.#unknownKeys(item, 'macro', context);
  }

  /** Whether a list or macro is appended to: by the old key, or by an override. */
  #appends(item: YamlItem, context: Context, kind: 'list' | 'macro'): boolean {
    const append = this.#appendFlag(item, context);
    const overrides = readOverrides(item, context, overrideKeys[kind], append);
    return append || overrides.append.size > 0;
  }

  #appendFlag(item: YamlItem, context: Context): boolean {
    const append = item.boolean('append', context) === true;
    if (append) this.#warn('LOAD_DEPRECATED_ITEM', appendDeprecated, context);
    return append;
  }

  #rule(item: YamlItem, file: Context): void {
    const { text: name } = item.scalar('rule', file.child('rule', '', item.node));
    const context = file.child('rule', name, item.node);
    const append = this.#appendFlag(item, context);
    const overrides = readOverrides(item, context, overrideKeys.rule, append);
    if (overrides.append.size + overrides.replace.size > 0) this.#override(item, name, context, overrides);
    else if (append) this.#legacyAppend(item, name, context);
    else if (requiredKeys.some((key) => item.has(key))) this.#define(item, name, context);
    else this.#enable(item, name, context);
    this.#unknownKeys(item, 'rule', context);
  }

  #override(item: YamlItem, name: string, context: Context, overrides: OverrideKeys): void {
    const source = item.optionalScalar('source', context)?.text;
    const named = source === undefined ? {} : { source };
    this.#collector.changeRule(name, () => {
      if (overrides.append.size > 0) {
        requireOverridden(item, context, overrides, 'append');
        this.#collector.appendRule(
          name,
          { ...named, ...this.#content(item, context, overrides.append, true) },
          context,
        );
      }
      if (overrides.replace.size > 0) {
        requireOverridden(item, context, overrides, 'replace');
        this.#collector.replaceRule(
          name,
          { ...named, ...this.#content(item, context, overrides.replace, false) },
          context,
        );
      }
      refuseUnexpected(item, context, overrides);
    });
  }

  #legacyAppend(item: YamlItem, name: string, context: Context): void {
    this.#collector.requireRule(name, context);
    if (!item.has('condition') && !item.has('exceptions')) {
      failLoad('LOAD_ERR_VALIDATE', 'Appended rule must have exceptions or condition property', context);
    }
    const keys = new Set(['condition', 'exceptions'].filter((key) => item.has(key)));
    const source = item.optionalScalar('source', context)?.text;
    this.#collector.appendRule(
      name,
      { ...(source === undefined ? {} : { source }), ...this.#content(item, context, keys, true) },
      context,
    );
  }

  #enable(item: YamlItem, name: string, context: Context): void {
    item.scalar('enabled', context);
    const enabled = item.boolean('enabled', context) === true;
    this.#warn('LOAD_DEPRECATED_ITEM', enabledDeprecated, context);
    this.#collector.enableRule(name, enabled, context);
  }

  #define(item: YamlItem, name: string, context: Context): void {
    const keys = new Set(requiredKeys);
    for (const key of overridable) if (item.has(key)) keys.add(key);
    const source = item.optionalScalar('source', context)?.text ?? 'syscall';
    const content = this.#content(item, context, keys, false);
    this.#collector.defineRule(
      name,
      {
        enabled: true,
        warnEventTypes: true,
        skipIfUnknownFilter: false,
        capture: false,
        captureDuration: 0,
        tags: [],
        exceptions: [],
        ...content,
        source,
      } as RuleContent,
      context,
    );
  }

  #content(item: YamlItem, context: Context, keys: ReadonlySet<string>, appending: boolean): RuleUpdate {
    return readRuleContent(item, context, keys, appending, this.#warn);
  }
}

/** Whether a list or macro, both keys of which were read, has no others. */
function isPlain(item: YamlItem): boolean {
  return item.node.items.length === 2;
}

function unknownKeyHint(key: string, known: readonly string[]): string | undefined {
  if (Object.hasOwn(itemKeys, key)) return `An item of its own begins with '- ${key}:'.`;
  if (key === '<<') return mergeKeys;
  const meant = suggest(key, known);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}
