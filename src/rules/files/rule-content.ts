/** Reads what a rule consists of (spec/falco-engine.md §1.2, §1.5). */

import { isSeq, type Node } from 'yaml';
import { suggest } from '../../core/errors.ts';
import { type Priority, parsePriority, priorities } from '../priority.ts';
import { ComposedText } from '../source.ts';
import { type Context, failLoad } from '../yaml/issue.ts';
import { isNull, type ScalarText, type YamlItem } from '../yaml/yaml-item.ts';
import { sortedSet, type Warn } from './collector.ts';
import type { Entry, ExceptionDefinition, RuleUpdate } from './definitions.ts';

/** Reads the named keys of a rule. When appending, places stay those of the rule that is appended to. */
export function readRuleContent(
  item: YamlItem,
  context: Context,
  keys: ReadonlySet<string>,
  appending: boolean,
  warn: Warn,
): RuleUpdate {
  const update: RuleUpdate = {};
  if (keys.has('condition')) {
    const condition = item.scalar('condition', context);
    update.condition = ComposedText.of(condition.text, condition.from);
    if (!appending) update.conditionContext = context.child('rule condition', '', item.get('condition'));
  }
  if (keys.has('output')) {
    update.output = trimmedText(item.scalar('output', context));
    if (!appending) update.outputContext = context.child('rule output', '', item.get('output'));
  }
  if (keys.has('desc')) update.desc = item.scalar('desc', context).text;
  if (keys.has('priority')) update.priority = readPriority(item, context);
  if (keys.has('tags')) update.tags = sortedSet(item.scalars('tags', context).map(({ text }) => text));
  if (keys.has('exceptions')) update.exceptions = readExceptions(item, context, appending, warn);
  readSwitches(item, context, keys, update);
  return update;
}

const switches = [
  ['enabled', 'enabled'],
  ['warn_evttypes', 'warnEventTypes'],
  ['skip-if-unknown-filter', 'skipIfUnknownFilter'],
  ['capture', 'capture'],
] as const;

function readSwitches(item: YamlItem, context: Context, keys: ReadonlySet<string>, update: RuleUpdate): void {
  for (const [key, property] of switches) {
    const value = keys.has(key) ? item.boolean(key, context) : undefined;
    if (value !== undefined) update[property] = value;
  }
  const duration = keys.has('capture_duration') ? item.unsigned('capture_duration', context) : undefined;
  if (duration !== undefined) update.captureDuration = duration;
}

function readPriority(item: YamlItem, context: Context): Priority {
  const { text } = item.scalar('priority', context);
  return (
    parsePriority(text) ??
    failLoad('LOAD_ERR_YAML_VALIDATE', 'Invalid priority', context.child('rule priority', '', item.get('priority')), {
      diagnostic: { message: `'${text}' is not a priority`, hint: `One of ${priorities.join(', ')}.` },
    })
  );
}

function readExceptions(
  item: YamlItem,
  context: Context,
  appending: boolean,
  warn: Warn,
): readonly ExceptionDefinition[] {
  const node = item.get('exceptions');
  if (node === undefined) return [];
  const place = context.child('exceptions', '', node);
  if (!isSeq(node)) failLoad('LOAD_ERR_YAML_VALIDATE', 'Rule exceptions must be a sequence', place);
  const known = new Map<string, number>();
  return item.sequence(node).map((each) => {
    const { entry, name, at } = nameException(item, each, context, place);
    const before = known.get(name) ?? 0;
    known.set(name, before + 1);
    // Falco says it of each of them.
    for (let count = 0; count < before; count++) {
      warn('LOAD_EXCEPTION_NAME_NOT_UNIQUE', `Multiple definitions of exception '${name}' in the same rule`, at);
    }
    const exception = readException(entry, name, at, appending, warn);
    if (appending && !entry.has('values')) {
      warn('LOAD_APPEND_NO_VALUES', 'Overriding/appending exception with no values', at);
    }
    return exception;
  });
}

/** Which exception a node is of. To Falco one that has a name stands in the rule itself. */
function nameException(item: YamlItem, node: Node, rule: Context, exceptions: Context) {
  const unnamed = exceptions.child('exception', '', node);
  const entry = item.map(node) ?? failLoad('LOAD_ERR_YAML_VALIDATE', 'Rule exception must be a mapping', unnamed);
  const { text: name } = entry.scalar('name', unnamed);
  return { entry, name, at: rule.child('exception', name, node) };
}

const exceptionKeys: ReadonlySet<string> = new Set(['name', 'fields', 'comps', 'values']);

function readException(
  entry: YamlItem,
  name: string,
  context: Context,
  appending: boolean,
  warn: Warn,
): ExceptionDefinition {
  for (const { key, node: keyNode } of entry.keyNodes) {
    if (exceptionKeys.has(key)) continue;
    const meant = suggest(key, exceptionKeys);
    const at = context.placeOf(keyNode);
    const hint = meant === undefined ? {} : { hint: `Did you mean ${meant}?` };
    warn('LOAD_UNKNOWN_KEY', `Unknown key '${key}'. The key will be ignored.`, context, {
      diagnostic: { at, ...hint },
    });
  }
  const read = (key: string): Entry | undefined => {
    const value = entry.get(key);
    return value === undefined ? undefined : readEntry(entry, value, () => context.child('value for', key, value));
  };
  if (!appending && entry.get('fields') === undefined) {
    failLoad('LOAD_ERR_YAML_VALIDATE', "Item has no mapping for key 'fields'", context);
  }
  return { name, fields: read('fields'), comps: read('comps'), values: readValues(entry, context), context };
}

function readValues(entry: YamlItem, exception: Context): readonly Entry[] {
  if (!entry.has('values')) return [];
  const node = entry.get('values');
  const place = exception.child('exception values', '', entry.value('values'));
  if (!isSeq(node)) {
    const at = exception.placeOf(node ?? entry.keyNode('values'));
    failLoad('LOAD_ERR_YAML_VALIDATE', 'Rule exception values must be a sequence', place, { diagnostic: { at } });
  }
  return entry.sequence(node).map((each) => readEntry(entry, each, () => within(place, 'exception value', each)));
}

function readEntry(item: YamlItem, node: Node, place: () => Context): Entry {
  if (!isSeq(node)) {
    // What is null would be compared with as the text `~` or `null`.
    if (isNull(node)) failLoad('LOAD_ERR_YAML_VALIDATE', 'Value is not a scalar value', place());
    return item.scalarOf(node, place);
  }
  return item.sequence(node).map((each) => readEntry(item, each, () => within(place(), 'exception', each)));
}

function within(context: Context, itemType: string, node: Node): Context {
  return context.child(itemType, '', node).child('value for', '', node);
}

/** A value without the blanks around it. */
function trimmedText({ text, from }: ScalarText): ComposedText {
  return new ComposedText([{ text: text.trim(), from, offset: text.length - text.trimStart().length }]);
}
