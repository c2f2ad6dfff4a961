/** Reads `override:` of an item (spec/falco-engine.md §1.4). */

import { isScalar } from 'yaml';
import { suggest } from '../../core/errors.ts';
import { type Context, failLoad } from '../yaml/issue.ts';
import { scalarText, type YamlItem } from '../yaml/yaml-item.ts';

export interface OverrideKeys {
  readonly append: ReadonlySet<string>;
  readonly replace: ReadonlySet<string>;
}

export const overrideKeys: Readonly<Record<'list' | 'macro' | 'rule', OverrideKeys>> = {
  list: { append: new Set(['items']), replace: new Set(['items']) },
  macro: { append: new Set(['condition']), replace: new Set(['condition']) },
  rule: {
    append: new Set(['condition', 'output', 'desc', 'tags', 'exceptions']),
    replace: new Set([
      'condition',
      'output',
      'desc',
      'tags',
      'exceptions',
      'priority',
      'enabled',
      'warn_evttypes',
      'skip-if-unknown-filter',
      'capture',
      'capture_duration',
    ]),
  },
};

const NONE: OverrideKeys = { append: new Set(), replace: new Set() };

/** Which keys of an item append and which replace. `legacy`: the item also has `append: true`. */
export function readOverrides(item: YamlItem, context: Context, keys: OverrideKeys, legacy: boolean): OverrideKeys {
  const node = item.get('override');
  if (node === undefined) return NONE;
  const append = new Set<string>();
  const replace = new Set<string>();
  const place = context.child('overrides', '', node);
  const overrides = item.map(node) ?? failLoad('LOAD_ERR_YAML_VALIDATE', 'Value of override must be a mapping', place);
  for (const key of overrides.keys) {
    const operation = readOperation(overrides, key, place, keys);
    const keyPlace = context.child('overrides', key, overrides.keyNode(key));
    const unknown = keys.replace.has(key) ? {} : { diagnostic: unknownKey(key, keys) };
    if (operation === 'append' && !keys.append.has(key)) {
      failLoad(
        'LOAD_ERR_YAML_VALIDATE',
        `Key '${key}' cannot be appended to, use 'replace' instead`,
        keyPlace,
        unknown,
      );
    }
    if (operation === 'replace' && !keys.replace.has(key)) {
      failLoad('LOAD_ERR_YAML_VALIDATE', `Key '${key}' cannot be replaced`, keyPlace, unknown);
    }
    (operation === 'append' ? append : replace).add(key);
  }
  if (legacy && append.size + replace.size > 0) {
    failLoad(
      'LOAD_ERR_YAML_VALIDATE',
      "Keys 'override' and 'append: true' cannot be used together. " +
        "Add an 'append' entry (e.g. 'condition: append') under 'override' instead.",
      context,
    );
  }
  return { append, replace };
}

function unknownKey(key: string, { replace }: OverrideKeys): { message: string; hint: string } {
  const meant = suggest(key, replace);
  const hint = meant === undefined ? `There are ${[...replace].join(', ')}.` : `Did you mean ${meant}?`;
  return { message: `'${key}' is no key that can be overridden`, hint };
}

function readOperation(overrides: YamlItem, key: string, place: Context, keys: OverrideKeys): 'append' | 'replace' {
  const node = overrides.get(key);
  const valuePlace = place.child('value for', key, node);
  const operation = isScalar(node) ? scalarText(node) : '';
  if (operation === 'append' || operation === 'replace') return operation;
  const allowed = (['append', 'replace'] as const).filter((each) => keys[each].has(key));
  return failLoad(
    'LOAD_ERR_YAML_VALIDATE',
    // Falco lists the values with a blank after each.
    `Invalid override operation for key '${key}': '${operation}'. Allowed values are: ${allowed.map((each) => `${each} `).join('')}`,
    valuePlace,
    {
      diagnostic: {
        message: `'${operation}' is not an override operation for '${key}'`,
        hint: allowed.length === 0 ? `Key '${key}' cannot be overridden.` : `Write ${allowed.join(' or ')}.`,
      },
    },
  );
}

/** Refuses overrides of what the item does not have. */
export function requireOverridden(
  item: YamlItem,
  context: Context,
  overrides: OverrideKeys,
  operation: 'append' | 'replace',
): void {
  for (const key of overrides[operation]) {
    if (item.has(key)) continue;
    const rest = `override for '${key}' was specified but '${key}' is not defined`;
    const message = `${operation === 'append' ? 'An append' : 'A replace'} ${rest}`;
    // The article is Falco's.
    failLoad('LOAD_ERR_YAML_VALIDATE', `An ${operation} ${rest}`, context, { diagnostic: { message } });
  }
}

/** Refuses what the item of a rule has and overrides nothing with. */
export function refuseUnexpected(item: YamlItem, context: Context, { append, replace }: OverrideKeys): void {
  for (const key of [...overrideKeys.rule.replace].sort()) {
    if (!item.has(key) || append.has(key) || replace.has(key)) continue;
    failLoad(
      'LOAD_ERR_YAML_VALIDATE',
      `Unexpected key '${key}': no corresponding entry under 'override' is defined.`,
      context.child('overrides', key, item.get(key)),
      { diagnostic: { hint: `Add '${key}: append' or '${key}: replace' under override.` } },
    );
  }
}
