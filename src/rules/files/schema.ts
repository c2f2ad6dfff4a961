/** Falco's strict schema of rules files: it only informs, no file is refused for it (spec/falco-engine.md §1.1). */

import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { isNull, scalarText } from '../yaml/yaml-item.ts';
import { overrideKeys } from './overrides.ts';

export interface SchemaResult {
  /** Null when there was nothing to check. */
  readonly valid: boolean | null;
  readonly warnings: readonly string[];
}

type Shape = (node: Node | null | undefined) => boolean;

const text: Shape = (node) => isScalar(node) && !isNull(node);
const textList: Shape = (node) => isSeq(node) && node.items.every((each) => text(each as Node));
const anything: Shape = () => true;
const truth: Shape = (node) => isScalar(node) && /^(?:true|false)$/.test(scalarText(node));
const whole: Shape = (node) => isScalar(node) && /^[+-]?\d+$/.test(scalarText(node));
const oneOf =
  (...words: string[]): Shape =>
  (node) =>
    isScalar(node) && words.includes(scalarText(node));
const operation = oneOf('append', 'replace');

function mapping(shapes: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape {
  return (node) =>
    isMap(node) &&
    node.items.every((pair) => shapes[keyOf(pair)]?.(pair.value as Node) === true) &&
    required.every((key) => node.items.some((pair) => keyOf(pair) === key));
}

function listOf(shape: Shape): Shape {
  return (node) => isSeq(node) && node.items.every((each) => shape(each as Node));
}

const plugin = { name: text, version: text };
const pluginKeys = ['name', 'version'];
/** Each key takes either operation here: which it takes in truth is the loader's to say. */
const override = mapping(Object.fromEntries(['items', ...overrideKeys.rule.replace].map((key) => [key, operation])));

/** Every key of every item. */
const itemShapes: Readonly<Record<string, Shape>> = {
  required_engine_version: text,
  required_plugin_versions: listOf(
    mapping({ ...plugin, alternatives: listOf(mapping(plugin, pluginKeys)) }, pluginKeys),
  ),
  list: text,
  items: textList,
  items_from: mapping({
    file: text,
    url: text,
    headers: isMap,
    refresh: text,
    format: text,
    column: text,
    optional: truth,
  }),
  macro: text,
  rule: text,
  condition: text,
  output: text,
  desc: text,
  source: text,
  priority: oneOf('EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'INFORMATIONAL', 'DEBUG'),
  enabled: truth,
  capture: truth,
  capture_duration: whole,
  warn_evttypes: truth,
  'skip-if-unknown-filter': truth,
  append: truth,
  tags: textList,
  exceptions: listOf(mapping({ name: text, fields: anything, comps: anything, values: anything }, ['name'])),
  override: (node) => override(node) && isMap(node) && node.items.length > 0,
};

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? scalarText(pair.key) : '';
}

/** Checks what one document holds. */
export function checkSchema(root: Node | null): SchemaResult {
  if (root === null || isNull(root)) return { valid: null, warnings: [] };
  const warnings: string[] = [];
  if (!isSeq(root)) warnings.push('The document is not a list of items.');
  else for (const [index, item] of root.items.entries()) checkItem(item as Node, index, warnings);
  return { valid: warnings.length === 0, warnings };
}

function checkItem(item: Node, index: number, warnings: string[]): void {
  if (!isMap(item)) {
    warnings.push(`Item ${index} is not a mapping.`);
    return;
  }
  for (const pair of item.items) {
    const key = keyOf(pair);
    const shape = itemShapes[key];
    if (shape === undefined) warnings.push(`Item ${index} has the unknown key '${key}'.`);
    else if (!shape(pair.value as Node)) warnings.push(`Item ${index} has an unexpected value of '${key}'.`);
  }
}
